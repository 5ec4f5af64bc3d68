import { spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { DataError, InterruptedError, ResourceError, UsageError } from "../../src/errors.ts";
import { throwIfStopped } from "../../src/runs/events.ts";
import { type ProgressEvent, RunFolder, readConfig } from "../../src/runs/index.ts";
import { keepProgress } from "../../src/runs/progressFile.ts";
import { lockFile, tensor } from "../../src/torch/index.ts";
import { failure } from "../failure.ts";
import { mountDisk, workshop } from "../workshop.ts";

const path = workshop();
const config = { job: "sort", options: { checkpointSeconds: 1 } };
const create = (directory = path()) => RunFolder.create(directory, config);

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
      const { message } = await failure(create(directory), UsageError);
      expect(message).toMatch(
        /^--out: .* exists, and DeepObf never overwrites. Choose another folder$/,
      );
      expect(readdirSync(directory)).toEqual(content ? ["mine"] : []);
    }
    const run = path();
    await create(run);
    expect((await failure(create(run), UsageError)).message).toContain(
      `node bin/deepobf.js resume ${run}`,
    );
    const link = path();
    symlinkSync(path("nowhere"), link);
    expect((await failure(create(link), UsageError)).message).toContain("exists");
    const file = path();
    writeFileSync(file, "mine");
    await failure(create(file), UsageError);
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
      const { message } = await failure(create(join(closed, "run")), ResourceError);
      expect(message).toMatch(/cannot write .*closed.run: .*(read-only|permission denied)/);
      expect(readdirSync(closed)).toEqual([]);
    },
  );

  const full = path("full");
  test.skipIf(!mountDisk(full, 16))("leaves nothing on a full disk", async () => {
    writeFileSync(join(full, "filler"), new Uint8Array(16 * 1024));
    const { message } = await failure(create(join(full, "run")), ResourceError);
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
    expect((await failure(RunFolder.open(path(), "sort"), UsageError)).message).toMatch(
      /folder of a run/,
    );
    const { directory } = await create();
    expect((await failure(RunFolder.open(directory, "search"), UsageError)).message).toMatch(
      /"sort"/,
    );
    for (const [content, kind] of [
      ["{", DataError],
      ["", DataError],
      ["[]", UsageError],
      ["null", UsageError],
    ] as const) {
      writeFileSync(join(directory, "config.json"), content);
      await failure<Error>(RunFolder.open(directory, "sort"), kind);
    }
  });

  test("keeps checkpoints with the metrics and the time until then", async () => {
    const { directory } = await create();
    const { run: first } = await RunFolder.open(directory, "sort");
    expect(await first.readCheckpoint()).toBeUndefined();
    const state = new Map([["x", tensor([1, 2])]]);
    expect(first.checkpointSeconds).toBe(1);
    await first.metrics.append({ calibration: 1 });
    const position = { stageIndex: 2, step: 5, halvings: 0, epochLosses: { loss: 3 } };
    await first.saveCheckpoint({ ...position, isReturnPoint: false }, state);
    await first.metrics.append({ calibration: 2 });

    const { run: second } = await RunFolder.open(directory, "sort");
    const checkpoint = await second.readCheckpoint();
    expect(checkpoint).toMatchObject({ stageIndex: 2, step: 5, epochLosses: { loss: 3 } });
    expect(checkpoint?.tensors.get("x")?.numbers()).toEqual([1, 2]);
    expect(readFileSync(second.files.metrics, "utf8")).toBe('{"calibration":1}\n');
    expect(second.seconds).toBeGreaterThan(checkpoint!.seconds);

    await second.finish({ done: true });
    expect(await second.readSummary()).toEqual({ done: true });
    expect(await second.isTidy()).toBe(false);
    await second.tidy();
    expect(await second.isTidy()).toBe(true);
    expect(readdirSync(directory).sort()).toEqual(["config.json", "metrics.jsonl", "summary.json"]);
  });

  /** A run with two checkpoints, after one line of metrics and after two. */
  async function interrupted(): Promise<RunFolder> {
    const run = await create();
    const state = new Map([["x", tensor([1])]]);
    for (const step of [1, 2]) {
      await run.metrics.append({ calibration: step });
      const position = { stageIndex: 0, step, halvings: 0, epochLosses: {} };
      await run.saveCheckpoint({ ...position, isReturnPoint: false }, state);
    }
    return run;
  }

  test("that was copied while at work goes on from the checkpoint that its metrics reach", async () => {
    const run = await interrupted();
    const { metrics } = run.files;
    const half = '{"calibration":1}\n{"calib';
    writeFileSync(metrics, half);
    expect((await run.readCheckpoint())?.step).toBe(1);
    expect(readFileSync(metrics, "utf8")).toBe('{"calibration":1}\n');
    expect(readdirSync(join(run.directory, "checkpoints"))).toEqual(["000001"]);
  });

  test("loses nothing where its metrics reach no checkpoint", async () => {
    const run = await interrupted();
    writeFileSync(run.files.metrics, '{"calib');
    expect((await failure(run.readCheckpoint(), DataError)).message).toMatch(
      /metrics\.jsonl holds 7 bytes, but 36 when .*restore it/,
    );
    expect(readdirSync(join(run.directory, "checkpoints"))).toEqual(["000001", "000002"]);
    expect(readFileSync(run.files.metrics, "utf8")).toBe('{"calib');
  });

  test("begins anew with a note where all checkpoints are damaged", async () => {
    const run = await interrupted();
    for (const name of ["000001", "000002"]) {
      rmSync(join(run.directory, "checkpoints", name, "state.safetensors"));
    }
    const notes: unknown[] = [];
    const hooks = { onProgress: (event: ProgressEvent) => void notes.push(event) };
    expect(await run.readCheckpoint(hooks)).toBeUndefined();
    const text = `no checkpoint of ${run.directory} is whole (2 tried): the training begins anew`;
    expect(notes).toEqual([{ type: "note", text }]);
    expect(await run.readCheckpoint(hooks)).toBeUndefined();
    expect(notes).toHaveLength(1);
  });

  test("starts over, metrics too, where no checkpoint is valid", async () => {
    const run = await create();
    await run.metrics.append({ calibration: 1 });
    expect(await run.readCheckpoint()).toBeUndefined();
    expect(readFileSync(run.files.metrics, "utf8")).toBe("");
  });
});

describe("the lock", () => {
  const hold = (run: RunFolder) => run.whileLocked(async () => readdirSync(run.directory));

  test("is held while a job works, and goes with it, also where it fails", async () => {
    const run = await create();
    expect(await hold(run)).toEqual(["config.json", "lock"]);
    await expect(run.whileLocked(() => Promise.reject(new RangeError("x")))).rejects.toThrow("x");
    expect(readdirSync(run.directory)).toEqual(["config.json"]);
  });

  test("keeps a second job of the same process out", async () => {
    const run = await create();
    const { run: other } = await RunFolder.open(run.directory, "sort");
    await run.whileLocked(async () => {
      const { message } = await failure(hold(other), UsageError);
      const holder = `process ${process.pid} on ${hostname()}`;
      expect(message).toContain(`${holder} is working on ${run.directory}`);
    });
    expect(await hold(other)).toContain("lock");
  });

  test("is refused with the holder's name, also where that is still to be written", async () => {
    const run = await create();
    const lock = join(run.directory, "lock");
    const descriptor = openSync(lock, "w");
    expect(lockFile(descriptor)).toBe(true);
    setTimeout(() => writeFileSync(descriptor, "process 7 on a slow machine\n"), 100);
    expect((await failure(hold(run), UsageError)).message).toContain(
      "process 7 on a slow machine is working",
    );
    closeSync(descriptor);
  });

  test("of two that want it at once goes to one", async () => {
    const run = await create();
    for (let round = 0; round < 20; round++) {
      let atWork = 0;
      const work = () =>
        run.whileLocked(async () => {
          expect(++atWork).toBe(1);
          await new Promise(setImmediate);
          atWork--;
        });
      const results = await Promise.allSettled([work(), work(), work()]);
      const refused = results.flatMap((each) => (each.status === "rejected" ? [each.reason] : []));
      expect(refused.length).toBeLessThan(3);
      for (const reason of refused) expect(reason).toBeInstanceOf(UsageError);
    }
  });

  const disk = path("lockDisk");
  test.skipIf(!mountDisk(disk, 16))(
    "that a full disk does not take is not left there",
    async () => {
      const run = await create(join(disk, "run"));
      writeFileSync(join(disk, "filler"), new Uint8Array(12 * 1024));
      const { message } = await failure(hold(run), ResourceError);
      expect(message).toMatch(/cannot write .*lock: the disk is full; free some space/);
      expect(readdirSync(run.directory)).toEqual(["config.json"]);
      rmSync(join(disk, "filler"));
      expect(await hold(run)).toContain("lock");
    },
  );

  test("that a dead process left behind does not count", async () => {
    const run = await create();
    writeFileSync(join(run.directory, "lock"), "process 1 on another machine");
    expect(await hold(run)).toContain("lock");
  });

  test("is no link to somewhere else", async () => {
    const run = await create();
    const elsewhere = path();
    writeFileSync(elsewhere, "precious");
    for (const link of [symlinkSync, linkSync]) {
      link(elsewhere, join(run.directory, "lock"));
      await failure(hold(run), DataError);
      expect(readFileSync(elsewhere, "utf8")).toBe("precious");
      rmSync(join(run.directory, "lock"));
    }
  });

  test("clears what a killed process was writing", async () => {
    const run = await create();
    writeFileSync(join(run.directory, "summary.json.0.tmp"), "{");
    mkdirSync(join(run.directory, "x.tmp"));
    expect((await hold(run)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});

describe("where a job is", () => {
  const stepAt = (step: number) => ({
    stage: "chain",
    epoch: 1,
    epochs: 2,
    step,
    steps: 30,
    imagesPerSecond: 100,
    secondsLeft: 9,
    losses: { loss: 1 },
  });

  /** The hooks, with a clock of their own, and the file that they keep. */
  function kept(onProgress?: (event: ProgressEvent) => void, directory = path()) {
    mkdirSync(directory, { recursive: true });
    const clock = vi.spyOn(performance, "now");
    onTestFinished(() => clock.mockRestore());
    const { hooks, remove } = keepProgress({ ...(onProgress && { onProgress }) }, { directory });
    const tell = (milliseconds: number, event: ProgressEvent) => {
      clock.mockReturnValue(milliseconds);
      hooks.onProgress?.(event);
    };
    const file = join(directory, "progress.json");
    return { directory, file, tell, remove, read: () => JSON.parse(readFileSync(file, "utf8")) };
  }

  test("is in a file while it works: a phase at once, steps once a second", () => {
    const heard: string[] = [];
    const { directory, tell, remove, read } = kept(({ type }) => void heard.push(type));
    tell(5000, { type: "phase", phase: "train" });
    expect(read()).toEqual({ phase: "train" });
    tell(5999, { type: "step", ...stepAt(10) });
    tell(5999, { type: "note", text: "a note" });
    expect(read()).toEqual({ phase: "train" });
    tell(6000, { type: "step", ...stepAt(20) });
    tell(6900, { type: "step", ...stepAt(30) });
    expect(read()).toEqual({ phase: "train", step: stepAt(20) });
    tell(6901, { type: "phase", phase: "verify" });
    expect(read()).toEqual({ phase: "verify", step: stepAt(30) });
    expect(heard).toEqual(["phase", "step", "note", "step", "step", "phase"]);
    expect(readdirSync(directory)).toEqual(["progress.json"]);
    remove();
    expect(readdirSync(directory)).toEqual([]);
  });

  test.each(["progress.json", "progress.json.tmp"])(
    "is not written behind a link in the place of %s",
    (name) => {
      const precious = path();
      writeFileSync(precious, "precious");
      const { directory, tell, remove } = kept();
      symlinkSync(precious, join(directory, name));
      tell(0, { type: "phase", phase: "train" });
      expect(readFileSync(precious, "utf8")).toBe("precious");
      remove();
      expect(existsSync(precious)).toBe(true);
    },
  );

  const fullDisk = path("fullDisk");
  test.skipIf(!mountDisk(fullDisk, 16))("takes no descriptors on a full disk", () => {
    writeFileSync(join(fullDisk, "filler"), new Uint8Array(16 * 1024));
    const { tell, remove } = kept(undefined, fullDisk);
    const descriptors = () => readdirSync("/proc/self/fd").length;
    const before = descriptors();
    for (let second = 1; second <= 5; second++) {
      tell(1000 * second, { type: "phase", phase: "train" });
    }
    expect(readdirSync(fullDisk)).toContain("progress.json.tmp");
    expect(descriptors()).toBe(before);
    remove();
    expect(readdirSync(fullDisk)).toEqual(["filler"]);
  });

  test("ends no job that it cannot be told of", () => {
    const { directory, tell, remove } = kept();
    rmSync(directory, { recursive: true });
    tell(0, { type: "phase", phase: "train" });
    remove();
    expect(existsSync(directory)).toBe(false);
  });
});

test.each([
  ["SIGINT", 130, "stopped by SIGINT after"],
  ["SIGTERM", 143, "stopped by SIGTERM after"],
  ["SIGHUP", 143, "stopped by SIGHUP after"],
  ["a caller's own reason", 130, "stopped after"],
])("a job that is stopped by %s ends with %d and says how to go on", (reason, exitCode, words) => {
  const stopped = AbortSignal.abort(reason);
  const ends = () => throwIfStopped({ signal: stopped }, { directory: "a run" });
  expect(ends).toThrow(InterruptedError);
  expect(ends).toThrow(expect.objectContaining({ exitCode }));
  expect(ends).toThrow(`${words} a checkpoint. To go on: node bin/deepobf.js resume 'a run'`);
});

test("a job that nobody stops goes on, and one of several workers ends with the others", () => {
  const { signal } = new AbortController();
  throwIfStopped({ signal }, { directory: "run" });
  throwIfStopped({}, { directory: "run" });
  expect(() => throwIfStopped({ signal }, { directory: "run" }, true)).toThrow(
    expect.objectContaining({ exitCode: 143 }),
  );
});
