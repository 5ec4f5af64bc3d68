import { availableParallelism, totalmem } from "node:os";
import { describe, expect, test } from "vitest";
import { full, scope, threads } from "../../src/torch/index.ts";
import { memoryLimit, memoryToKeep } from "../../src/torch/memory.ts";
import { native } from "../../src/torch/native.ts";
import { workshop } from "../workshop.ts";

const path = workshop();

/** 16 MiB, as an activation of a training step. */
const elements = 4 * 2 ** 20;

function pagesTouched(body: () => void): number {
  const before = process.resourceUsage().minorPageFault;
  body();
  return process.resourceUsage().minorPageFault - before;
}

describe("memory of large tensors", () => {
  test("is taken again without page faults", () => {
    const use = () => scope(() => [full([elements], 1), full([elements / 2 + 5], 2)].length);
    use();
    const pages = pagesTouched(() => {
      for (let i = 0; i < 50; i++) use();
    });
    expect(pages).toBeLessThan(2000); // 50 * 24 MiB are 300,000 pages of 4 KiB
  });

  test("is one tensor's alone", () => {
    scope(() => {
      const sizes = [
        elements,
        elements,
        elements - 1,
        elements + 1,
        elements / 8,
        elements / 8 - 1,
      ];
      const tensors = sizes.map((size, index) => full([size], index));
      for (const [index, tensor] of tensors.entries()) {
        const values = tensor.toTypedArray();
        expect([values.length, values.at(0), values.at(-1)]).toEqual([sizes[index], index, index]);
      }
    });
  });

  test("stays what it was while tensors of changing sizes come and go", () => {
    const use = (round: number) => {
      scope(() => full([elements + (round % 20) * 1000], 1).shape);
    };
    for (let round = 0; round < 20; round++) use(round);
    const before = process.memoryUsage.rss();
    for (let round = 20; round < 200; round++) use(round);
    expect(process.memoryUsage.rss() - before).toBeLessThan(32 * 2 ** 20);
  });
});

describe("memory that is kept", () => {
  test("is no more than the limit", () => {
    const mebibyte = 2 ** 20;
    /** What a tensor of 256 MiB leaves behind. */
    const left = (limit: number) => {
      native.keepMemory(0);
      native.keepMemory(limit);
      const before = process.memoryUsage.rss();
      scope(() => full([64 * mebibyte], 1).shape);
      return (process.memoryUsage.rss() - before) / mebibyte;
    };
    expect(left(512 * mebibyte)).toBeGreaterThan(200);
    expect(left(128 * mebibyte)).toBeLessThan(64);
    native.keepMemory(memoryToKeep());
  });

  test("is a quarter of this process's share", () => {
    expect(memoryToKeep({}, 2 ** 30)).toBe(2 ** 28);
    expect(memoryToKeep({ LOCAL_WORLD_SIZE: "4" }, 2 ** 30)).toBe(2 ** 26);
    expect(memoryToKeep({}, Number.POSITIVE_INFINITY)).toBe(Math.floor(totalmem() / 4));
  });
});

describe("the limit of this process's memory", () => {
  const job = "/system.slice/slurmstepd.scope/job_7";
  const task = `${job}/step_0/user/task_0`;
  const version1 = "memory/slurm/uid_0/job_7";

  test.each<[string, string, Record<string, string>, number]>([
    ["a container", "0::/", { "memory.max": "4096" }, 4096],
    ["systemd-run", "0::/run-1.scope", { "run-1.scope/memory.max": "8192" }, 8192],
    [
      "a job of Slurm",
      `0::${task}`,
      { [`${job}/memory.max`]: "5", [`${task}/memory.max`]: "max" },
      5,
    ],
    ["the least of several", "0::/a/b", { "a/b/memory.max": "7", "a/memory.max": "6" }, 6],
    ["Docker's group by its outer name", "0::/docker/1a", { "memory.max": "9" }, 9],
    [
      "version 1",
      "12:cpu,cpuacct:/x\n4:hugetlb,memory:/slurm/uid_0/job_7/step_0\n0::/",
      {
        [`${version1}/memory.limit_in_bytes`]: "3",
        "memory/memory.limit_in_bytes": "9223372036854771712",
      },
      3,
    ],
    ["none", "0::/user.slice", { "user.slice/memory.max": "max" }, Number.POSITIVE_INFINITY],
    ["another system", "", {}, Number.POSITIVE_INFINITY],
  ])("%s", (name, groups, files, expected) => {
    const root = path(name);
    if (groups) path(`${name}/proc/self/cgroup`, `${groups}\n`);
    for (const [file, text] of Object.entries(files)) {
      path(`${name}/sys/fs/cgroup/${file}`, `${text}\n`);
    }
    expect(memoryLimit(root)).toBe(expected);
  });
});

describe("threads", () => {
  const chosen = process.env.OMP_NUM_THREADS !== undefined || availableParallelism() === 1;
  test.skipIf(chosen)("are more than one where the processor has more", () => {
    expect(threads()).toBeGreaterThan(1);
  });
});
