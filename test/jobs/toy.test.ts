// What every job gets from the shell without a line of its own, shown on a toy.
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { beforeAll, expect, test, vi } from "vitest";
import {
  GateError,
  InterruptedError,
  ModelError,
  ResourceError,
  UsageError,
} from "../../src/errors.ts";
import { type ProgressEvent, RunFolder } from "../../src/runs/index.ts";
import { setThreads, threads } from "../../src/torch/index.ts";
import { workshop } from "../workshop.ts";
import { type ToyOptions, toyOn } from "./toyJob.ts";

vi.mock("node:os", async (load) => {
  const os = await load<typeof import("node:os")>();
  return { ...os, availableParallelism: vi.fn(os.availableParallelism) };
});

const path = workshop();
const source = path("source.txt", "what the job works on");
const toy = toyOn(source);

const options = (changes: Partial<ToyOptions> = {}): ToyOptions => ({
  data: "idx:nowhere",
  epochs: 3,
  out: path(),
  batchSize: 16,
  threads: 1,
  precision: "f32",
  ...changes,
});

/** Hooks that stop a job at its first report. */
function stopping() {
  const controller = new AbortController();
  const onProgress = (event: ProgressEvent) => {
    if (event.type === "step") controller.abort("SIGINT");
  };
  return { signal: controller.signal, onProgress };
}

beforeAll(() => setThreads(1));

test("is checked, trained and summed up in a folder of its own", async () => {
  const events: ProgressEvent[] = [];
  const summary = await toy.start(options(), { onProgress: (event) => void events.push(event) });
  expect(summary).toMatchObject({
    loss: expect.any(Number),
    epochs: 3,
    seed: 0,
    device: "cpu",
    precision: "f32",
    seconds: expect.any(Number),
    peakMemoryBytes: expect.any(Number),
    versions: { node: process.versions.node },
  });
  expect(JSON.parse(readFileSync(summary.files.summary, "utf8"))).toEqual(summary);
  const { job, identity, description } = JSON.parse(readFileSync(summary.files.config, "utf8"));
  expect({ job, identity, description }).toEqual({
    job: "toy",
    identity: { model: readFileSync(source, "utf8"), data: "quarters" },
    description: { parts: 1 },
  });
  expect(events[0]).toEqual({ type: "phase", phase: "prepare" });
  expect(events[1]).toEqual({ type: "prepared", job: "toy", description: { parts: 1 } });
  expect(events.filter(({ type }) => type === "epoch")).toHaveLength(3);
  expect(await toy.resume(summary.files.config.replace("/config.json", ""))).toEqual(summary);
});

test("stopped and resumed gives the same file", async () => {
  const { files } = await toy.start(options());
  const out = path();
  await expect(toy.start(options({ out }), stopping())).rejects.toThrow(InterruptedError);
  const steps: number[] = [];
  const resumed = await toy.resume(out, {
    onProgress: (event) => event.type === "step" && steps.push(event.step),
  });
  expect(steps[0]).toBe(2);
  expect(readFileSync(resumed.files.model)).toEqual(readFileSync(files.model));
  expect(readdirSync(out).sort()).toEqual([
    ...["config.json", "metrics.jsonl", "model.onnx", "summary.json"],
  ]);
});

test("resumed by two processes is trained by one, and both give its answer", async () => {
  const out = path();
  await expect(toy.start(options({ out }), stopping())).rejects.toThrow(InterruptedError);
  const { whileLocked } = RunFolder.prototype;
  let first: unknown;
  // The other process has the lock, and finishes the run, before this one gets it.
  const spy = vi.spyOn(RunFolder.prototype, "whileLocked");
  spy.mockImplementationOnce(async function <T>(this: RunFolder, body: () => Promise<T>) {
    first = await toy.resume(out);
    return whileLocked.call(this, body) as Promise<T>;
  });
  const events: string[] = [];
  const second = await toy.resume(out, { onProgress: ({ type }) => void events.push(type) });
  expect(second).toEqual(first);
  expect(events).toEqual([]);
});

test("killed behind its summary is concluded when it is resumed, once and without training", async () => {
  const killed = path();
  const dying = toyOn(source, {
    report: async (directory) => {
      cpSync(directory, killed, { recursive: true });
      writeFileSync(`${killed}/report.html`, "of half a run");
    },
  });
  const { files: _, ...summary } = await dying.start(options());
  expect(readdirSync(killed)).toEqual(expect.arrayContaining(["checkpoints", "progress.json"]));

  let reports = 0;
  const report = async (directory: string) =>
    writeFileSync(`${directory}/report.html`, `report ${++reports}`);
  const events: string[] = [];
  const hooks = { onProgress: ({ type }: ProgressEvent) => void events.push(type) };
  const resume = () => toyOn(source, { report }).resume(killed, hooks);
  const { files, ...again } = await resume();
  expect(again).toEqual(summary);
  expect(readFileSync(files.report!, "utf8")).toBe("report 1");
  expect(readdirSync(killed).sort()).toEqual([
    ...["config.json", "metrics.jsonl", "model.onnx", "report.html", "summary.json"],
  ]);
  await resume();
  expect(reports).toBe(1);
  expect(events).toEqual([]);
});

test("whose folder is moved away while it trains ends, and makes no other one", async () => {
  const [out, elsewhere] = [path(), path()];
  const onProgress = ({ type }: ProgressEvent) => {
    if (type === "step" && existsSync(out)) renameSync(out, elsewhere);
  };
  const error = await toy
    .start(options({ out, checkpointSeconds: 0 }), { onProgress })
    .catch((reason) => reason);
  expect(error).toBeInstanceOf(ResourceError);
  expect(error.message).toMatch(/the folder above it does not exist/);
  expect(existsSync(out)).toBe(false);
  const { files } = await toy.resume(elsewhere);
  expect(existsSync(files.model)).toBe(true);
});

test("goes on where there are fewer processors than it had threads, and says so", async () => {
  const out = path();
  vi.mocked(availableParallelism).mockReturnValue(2);
  await expect(toy.start(options({ out, threads: 2 }), stopping())).rejects.toThrow(
    InterruptedError,
  );
  const began = readFileSync(`${out}/config.json`, "utf8");
  vi.mocked(availableParallelism).mockReturnValue(1);
  const notes: string[] = [];
  await toy.resume(out, {
    onProgress: (event) => event.type === "note" && notes.push(event.text),
  });
  expect(notes).toEqual([
    expect.stringMatching(/began with 2 threads and goes on with 1, .*round/),
  ]);
  expect(threads()).toBe(1);
  expect(readFileSync(`${out}/config.json`, "utf8")).toBe(began);
  await expect(toy.start(options({ threads: 2 }))).rejects.toThrow(/--threads: expected at most 1/);
});

test("takes the next free folder where another one of its name has begun meanwhile", async () => {
  const before = process.cwd();
  process.chdir(path("."));
  try {
    const { out: _, ...asked } = options();
    const runs = await Promise.all([toy.start(asked), toy.start(asked)]);
    expect(runs.map(({ files }) => files.model).sort()).toEqual([
      `${process.cwd()}/runs/toy-1/model.onnx`,
      `${process.cwd()}/runs/toy-2/model.onnx`,
    ]);
    const config = JSON.parse(readFileSync("runs/toy-2/config.json", "utf8"));
    expect(config.options.out).toBe(`${process.cwd()}/runs/toy-2`);
  } finally {
    process.chdir(before);
  }
});

test("is not gone on with by another version of DeepObf", async () => {
  const out = path();
  await expect(toy.start(options({ out }), stopping())).rejects.toThrow(InterruptedError);
  rmSync(`${out}/checkpoints`, { recursive: true });
  const config = JSON.parse(readFileSync(`${out}/config.json`, "utf8"));
  const versions = { ...config.versions, deepobf: "0.0.1" };
  writeFileSync(`${out}/config.json`, JSON.stringify({ ...config, versions }));
  await expect(toy.resume(out)).rejects.toThrow(
    /deepobf is not the one that this run began with: expected 0\.0\.1, found/,
  );
});

test("misses its gate after everything is written, also when it is resumed", async () => {
  const out = path();
  const error = await toy.start(options({ out, mostLoss: 0 })).catch((reason) => reason);
  expect(error).toBeInstanceOf(GateError);
  expect(error.message).toMatch(/the run is complete .*summary\.json.*missed:\n {2}loss/);
  expect(error.summary).toEqual(JSON.parse(readFileSync(`${out}/summary.json`, "utf8")));
  await expect(toy.resume(out)).rejects.toThrow(error.message);
});

test("refuses to go on with another input, and in the folder of another job", async () => {
  const out = path();
  await expect(toy.start(options({ out }), stopping())).rejects.toThrow(InterruptedError);
  const config = readFileSync(`${out}/config.json`, "utf8");
  writeFileSync(source, "something else");
  await expect(toy.resume(out)).rejects.toThrow(ModelError);
  writeFileSync(source, "what the job works on");
  const edited = config.replace('"epochs": 3', '"epochs": 2');
  writeFileSync(`${out}/config.json`, edited);
  await expect(toy.resume(out)).rejects.toThrow(/config\.json is not what it was/);
  writeFileSync(`${out}/config.json`, config.replace('"job": "toy"', '"job": "sort"'));
  await expect(toy.resume(out)).rejects.toThrow(UsageError);
});
