import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DataError, ResourceError, UsageError } from "../../src/errors.ts";
import { RunFolder, readConfig } from "../../src/runs/index.ts";
import { tensor } from "../../src/torch/index.ts";

import { mountDisk, workshop } from "../workshop.ts";

const path = workshop();
const config = { job: "sort", options: { checkpointSeconds: 1 } };
const create = (directory = path()) => RunFolder.create(directory, config);

async function failure<T extends Error>(
  kind: new (message: string) => T,
  work: Promise<unknown>,
): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(kind);
  return error.message;
}

/** The line of a process in /proc. */
const statOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, "utf8");

/** When a process began, as the 22nd field of its line in /proc. */
function startOf(pid: number): string {
  return statOf(pid).split(") ")[1]!.split(" ")[19]!;
}

describe("a new run folder", () => {
  test("is never seen without its configuration", async () => {
    const directory = path();
    const creating = create(directory);
    let isDone = false;
    creating.finally(() => {
      isDone = true;
    });
    while (!isDone) {
      if (existsSync(directory)) {
        const text = readFileSync(join(directory, "config.json"), "utf8");
        expect(JSON.parse(text)).toEqual(config);
      }
      await new Promise(setImmediate);
    }
    const run = await creating;
    expect(readdirSync(directory)).toEqual(["config.json"]);
    expect(run.files.model).toBe(join(directory, "model.onnx"));
    expect(await readConfig(directory)).toEqual(config);
  });

  test("never takes the place of something", async () => {
    for (const content of [undefined, "x"]) {
      const directory = path();
      mkdirSync(directory);
      if (content) writeFileSync(join(directory, "mine"), content);
      const message = await failure(UsageError, create(directory));
      expect(message).toMatch(/^--out: .* exists.*deepobf resume/);
      expect(readdirSync(directory)).toEqual(content ? ["mine"] : []);
    }
    const file = path();
    writeFileSync(file, "mine");
    await failure(UsageError, create(file));
    expect(readFileSync(file, "utf8")).toBe("mine");
  });

  test("belongs to one of two that make it at once", async () => {
    const directory = path();
    const results = await Promise.allSettled([create(directory), create(directory)]);
    const refused = results.flatMap((each) => (each.status === "rejected" ? [each.reason] : []));
    expect(refused).toHaveLength(1);
    expect(refused[0]).toBeInstanceOf(UsageError);
    expect(readdirSync(directory)).toEqual(["config.json"]);
  });

  // Permissions do not keep root out, but a disk without writing does.
  const isRoot = process.getuid?.() === 0;
  const closed = path("closed");
  if (!isRoot) mkdirSync(closed);
  test.skipIf(isRoot && !mountDisk(closed, 64))(
    "tells that its place is not writable",
    async () => {
      if (isRoot) spawnSync("mount", ["-o", "remount,ro", closed]);
      else chmodSync(closed, 0o555);
      const message = await failure(ResourceError, create(join(closed, "run")));
      expect(message).toMatch(/cannot write .*closed.run: .*(read-only|permission denied)/);
      expect(readdirSync(closed)).toEqual([]);
    },
  );

  const full = path("full");
  test.skipIf(!mountDisk(full, 16))("leaves nothing on a full disk", async () => {
    writeFileSync(join(full, "filler"), new Uint8Array(16 * 1024));
    const message = await failure(ResourceError, create(join(full, "run")));
    expect(message).toMatch(/the disk is full/);
    expect(readdirSync(full)).toEqual(["filler"]);
  });
});

describe("an existing run folder", () => {
  test("is opened by the job that made it, wherever it is now", async () => {
    const { directory } = await create();
    const { run, config: read } = await RunFolder.open(directory, "sort");
    expect(read).toEqual(config);
    expect(run.files.summary).toBe(join(directory, "summary.json"));
    const here = process.cwd();
    process.chdir(path("."));
    const { run: relative } = await RunFolder.open(directory.split("/").at(-1)!, "sort");
    process.chdir(here);
    expect(relative.directory).toBe(directory);
  });

  test("is refused where it is none, another job's, or damaged", async () => {
    expect(await failure(UsageError, RunFolder.open(path(), "sort"))).toMatch(/folder of a run/);
    const { directory } = await create();
    expect(await failure(UsageError, RunFolder.open(directory, "search"))).toMatch(/"sort"/);
    for (const [content, kind] of [
      ["{", DataError],
      ["", DataError],
      ["[]", UsageError],
      ["null", UsageError],
    ] as const) {
      writeFileSync(join(directory, "config.json"), content);
      await failure<Error>(kind, RunFolder.open(directory, "sort"));
    }
  });

  test("keeps checkpoints with the metrics and the time until then", async () => {
    const { directory } = await create();
    const { run: first } = await RunFolder.open(directory, "sort");
    expect(await first.readCheckpoint()).toBeUndefined();
    const state = new Map([["x", tensor([1, 2])]]);
    expect(first.checkpointSeconds).toBe(1);
    await first.metrics.append({ epoch: 1 });
    await first.saveCheckpoint({ stageIndex: 2, step: 5, epochLosses: { loss: 3 } }, state);
    await first.metrics.append({ epoch: 2 });

    const { run: second } = await RunFolder.open(directory, "sort");
    const checkpoint = await second.readCheckpoint();
    expect(checkpoint).toMatchObject({ stageIndex: 2, step: 5, epochLosses: { loss: 3 } });
    expect(checkpoint?.tensors.get("x")?.numbers()).toEqual([1, 2]);
    expect(readFileSync(second.files.metrics, "utf8")).toBe('{"epoch":1}\n');
    expect(second.seconds).toBeGreaterThan(checkpoint!.seconds);

    await second.finish({ done: true });
    expect(await second.readSummary()).toEqual({ done: true });
    expect(readdirSync(directory).sort()).toEqual(["config.json", "metrics.jsonl", "summary.json"]);
  });

  test("starts over, metrics too, where no checkpoint is valid", async () => {
    const run = await create();
    await run.metrics.append({ epoch: 1 });
    expect(await run.readCheckpoint()).toBeUndefined();
    expect(readFileSync(run.files.metrics, "utf8")).toBe("");
  });
});

describe("the lock", () => {
  const locks = (directory: string) =>
    readdirSync(directory).filter((name) => name.startsWith("lock"));

  test("is held while a job works, and goes with it, also where it fails", async () => {
    const run = await create();
    const held = await run.whileLocked(async () => locks(run.directory));
    expect(held).toEqual([`lock-${process.pid}-${startOf(process.pid)}`]);
    await expect(run.whileLocked(() => Promise.reject(new RangeError("x")))).rejects.toThrow("x");
    expect(locks(run.directory)).toEqual([]);
  });

  test("keeps a second job of the same process out", async () => {
    const run = await create();
    const { run: other } = await RunFolder.open(run.directory, "sort");
    await run.whileLocked(async () => {
      const message = await failure(
        UsageError,
        other.whileLocked(async () => {}),
      );
      expect(message).toContain(`process ${process.pid} is working on ${run.directory}`);
    });
    expect(await other.whileLocked(async () => "free again")).toBe("free again");
  });

  test("of a living process counts", async () => {
    const run = await create();
    const sleeper = spawn("sleep", ["60"]);
    const { pid } = sleeper;
    writeFileSync(join(run.directory, `lock-${pid}-${startOf(pid!)}`), "");
    const message = await failure(
      UsageError,
      run.whileLocked(async () => {}),
    );
    expect(message).toContain(`process ${pid} is working`);
    expect(locks(run.directory)).toEqual([`lock-${pid}-${startOf(pid!)}`]);
    sleeper.kill("SIGKILL");
    await once(sleeper, "close");
    expect(await run.whileLocked(async () => locks(run.directory).length)).toBe(1);
  });

  test("of a process that has ended, of a reused number, or of no process does not count", async () => {
    const run = await create();
    // A process that nobody has waited for: it has ended, but still has its number. The shell would wait
    // for it, so the child ends only when a `sleep`, which does not, has taken the shell's place.
    const parent = spawn("sh", ["-c", "sleep 60 & echo $!; exec sleep 60"]);
    const [output] = await once(parent.stdout, "data");
    const zombie = Number(output);
    await expect.poll(() => statOf(parent.pid!), { timeout: 5000 }).toContain("(sleep)");
    process.kill(zombie, "SIGKILL");
    await expect.poll(() => statOf(zombie), { timeout: 5000 }).toContain(") Z");
    const names = [
      `lock-${zombie}-${startOf(zombie)}`,
      `lock-${process.pid}-1`,
      `lock-${process.ppid}-1`,
      "lock-4194305-7",
      "lock-",
      "lock-x",
      "lock--1-2",
    ];
    for (const name of names) writeFileSync(join(run.directory, name), "");
    const left = await run.whileLocked(async () => locks(run.directory));
    parent.kill("SIGKILL");
    expect(left).toEqual([`lock-${process.pid}-${startOf(process.pid)}`]);
  });

  test("clears what a killed process was writing", async () => {
    const run = await create();
    writeFileSync(join(run.directory, "summary.json.0.tmp"), "{");
    mkdirSync(join(run.directory, "x.tmp"));
    const names = await run.whileLocked(async () => readdirSync(run.directory));
    expect(names.filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});
