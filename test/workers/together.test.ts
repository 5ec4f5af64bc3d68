// Workers that train together, as people start them: they learn what one process learns, and make the same file again.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { writeData } from "../obfuscate/tiny.ts";
import { childrenOf } from "../processes.ts";
import { workshop } from "../workshop.ts";
import {
  areGone,
  freePort,
  metricsOf,
  modelOf,
  patience,
  start,
  tinyRuns,
  untilLooking,
  workersAfter,
} from "./running.ts";

const path = workshop();
const tiny = tinyRuns(path);
const obfuscate = (out: string, ...more: string[]) => tiny(out, "--mixup", "0.3", ...more);

async function finished(args: readonly string[], environment = {}): Promise<void> {
  const { code, stderr } = await start(args, environment).ended;
  expect(code, stderr).toBe(0);
}

describe("two workers", () => {
  test("have the losses of one process over 20 steps; killed and restarted, they make the same file", async () => {
    const [one, two, again] = [path("one"), path("two"), path("again")];
    // Small steps: longer ones make much of the last digits, in which sums of halves differ from sums of wholes.
    const steps = ["--epochs", "20", "--average-weights", "0.3", "--learning-rate", "0.02"];
    await finished(obfuscate(one, ...steps));
    await finished(obfuscate(two, ...steps, "--workers", "2"));
    const [expected, found] = [metricsOf(one)!, metricsOf(two)!];
    expect(found).toHaveLength(20);
    for (const [step, losses] of expected.entries()) {
      for (const [name, loss] of Object.entries(losses)) {
        expect(Math.abs(found[step]![name]! - loss) / loss, `${name}, step ${step}`).toBeLessThan(
          1e-4,
        );
      }
    }
    const { options } = JSON.parse(readFileSync(join(two, "config.json"), "utf8"));
    expect(options.workers).toBe(2);
    expect(JSON.parse(readFileSync(join(one, "config.json"), "utf8")).options).not.toHaveProperty(
      "workers",
    );

    // Killed twice, each time another worker, and started again from the checkpoint.
    const running = start(obfuscate(again, ...steps, "--workers", "2", "--restarts", "2"));
    for (const [kill, rank] of [1, 0].entries()) {
      const workers = await workersAfter(6 * (kill + 1), running, again);
      expect(workers).toHaveLength(2);
      process.kill(workers[rank]!, "SIGKILL");
      while (!running.stderr().includes(`${kill + 1} of 2`)) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        expect(running.child.exitCode).toBe(null);
      }
    }
    const { code, stderr } = await running.ended;
    expect(code, stderr).toBe(0);
    expect(modelOf(again)).toBe(modelOf(two));
    expect(metricsOf(again)).toEqual(metricsOf(two));
  });

  test.each([
    ["SIGKILL", 1],
    ["SIGSTOP", 0],
  ] as const)("%s for worker %i ends all with 8 and its name", async (signal, rank) => {
    const out = path(signal);
    const running = start(obfuscate(out, "--epochs", "100000", "--workers", "2"));
    const workers = await workersAfter(2, running, out);
    const lost = performance.now();
    process.kill(workers[rank]!, signal);
    const { code, stderr } = await running.ended;
    expect(code, stderr).toBe(8);
    expect(stderr).toContain(`error: worker ${rank} of 2 (process ${workers[rank]} on `);
    expect(stderr.match(/^error: /gm)).toHaveLength(1);
    expect((performance.now() - lost) / 1000).toBeLessThan(patience + 20);
    expect(areGone(workers)).toBe(true);
    if (signal !== "SIGKILL") return;

    // Another number of workers would form other sums.
    const other = {
      WORLD_SIZE: "3",
      RANK: "0",
      MASTER_ADDR: "127.0.0.1",
      MASTER_PORT: `${await freePort()}`,
    };
    const refused = await start(["resume", out], other).ended;
    expect(refused.code, refused.stderr).toBe(2);
    expect(refused.stderr).toContain("one of 2 workers, and this process belongs to 3");
  });

  test.each(["SIGKILL", "SIGSTOP"] as const)(
    "%s for the first worker, while the other one waits for what it prepares, ends both with 8",
    async (signal) => {
      const out = path(`early-${signal}`);
      const running = start(obfuscate(out, "--epochs", "100000", "--workers", "2"));
      // The other one has met it by then, or is about to.
      await untilLooking(running, 0);
      const workers = childrenOf(running.child.pid!);
      process.kill(workers[0]!, signal);
      const { code, stderr, seconds } = await running.ended;
      expect(code, stderr).toBe(8);
      expect(stderr).not.toContain("a bug in DeepObf");
      expect(seconds).toBeLessThan(patience + 40);
      expect(areGone(workers)).toBe(true);
    },
  );

  test("one that fails while the first one is stopped ends both, and says why", async () => {
    const folder = path("lost-data");
    const data = ["--data", writeData(folder, { train: 64, test: 64 })];
    const running = start(obfuscate(path("lost"), ...data, "--epochs", "100000", "--workers", "2"));
    // It looks at the model first, and then at the data.
    await untilLooking(running, 1);
    const workers = childrenOf(running.child.pid!);
    process.kill(workers[0]!, "SIGSTOP");
    rmSync(folder, { recursive: true });
    const { code, stderr } = await running.ended;
    expect(code, stderr).toBe(4);
    expect(stderr).toContain(folder);
    expect(areGone(workers)).toBe(true);
  });

  test("cannot share a batch that they do not divide", async () => {
    const { code, stderr } = await start(obfuscate(path("three"), "--workers", "3")).ended;
    expect(code, stderr).toBe(2);
    expect(stderr).toContain(
      "3 workers cannot share batches of 64 images alike: use --batch-size 63",
    );
  });

  test("stop together at a signal, and resume starts as many", async () => {
    const out = path("stopped");
    const running = start(obfuscate(out, "--epochs", "12", "--workers", "2"));
    await workersAfter(2, running, out);
    running.child.kill("SIGTERM");
    const { code, stderr } = await running.ended;
    expect(code, stderr).toBe(143);
    expect(stderr).toContain(`node bin/deepobf.js resume ${out}`);
    await finished(["resume", out]);
    expect(metricsOf(out)).toHaveLength(12);
  });
});
