// Folders of runs that a stranger has tampered with: each is refused with a reason, or trained to its end.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { describeFailure } from "../../src/cli/failure.ts";
import { setThreads } from "../../src/torch/index.ts";
import { stepsPerEpoch } from "../train/tiny.ts";
import { filesBelow, workshop } from "../workshop.ts";
import { tamperings } from "./tampering.ts";
import { toyOn } from "./toyJob.ts";

const path = workshop();
const toy = toyOn(path("source.txt", "what the job works on"));
const base = path("base");
const epochs = 3;
/** One of so many cases is tried; all by night. */
const share = process.env.DEEPOBF_NIGHTLY ? 1 : 3;
let cases: ReturnType<typeof tamperings> = [];

/** A run that was interrupted in its fifth step. */
async function interrupt(): Promise<void> {
  const controller = new AbortController();
  const options = { data: "idx:nowhere", epochs, out: base, batchSize: 16, threads: 1 };
  const work = toy.start(
    { ...options, precision: "f32", checkpointSeconds: 0 },
    {
      signal: controller.signal,
      onProgress: (event) => event.type === "epoch" && controller.abort("SIGTERM"),
    },
  );
  await expect(work).rejects.toThrow("stopped by SIGTERM");
}

beforeAll(async () => {
  setThreads(1);
  await interrupt();
  const { options } = JSON.parse(readFileSync(join(base, "config.json"), "utf8"));
  cases = tamperings(Object.keys(options));
});

/** The content of every file in a folder. */
const contents = (folder: string) =>
  filesBelow(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]);

/** What became of a run: the exit code of its failure, or 0 where it is trained. */
async function outcome(run: string): Promise<{ code: number; message: string }> {
  const steps: number[] = [];
  const onProgress = (event: { type: string; step?: number }) => {
    if (event.type === "step") steps.push(event.step!);
  };
  try {
    const { files } = await toy.resume(run, { onProgress });
    // The toy's file ends with the number of steps that its weights have learned for.
    const learned = readFileSync(files.model).readFloatLE(readFileSync(files.model).length - 4);
    const { options } = JSON.parse(readFileSync(files.config, "utf8"));
    expect(learned).toBe(options.epochs * stepsPerEpoch);
    return { code: 0, message: "" };
  } catch (error) {
    const { exitCode: code, message } = describeFailure(error);
    return { code, message };
  }
}

test("none ends as a bug, hangs, ships what is untrained, or changes what lies outside", {
  timeout: 900_000,
}, async () => {
  const tried = cases.filter((_, index) => index % share === 0);
  expect(tried.length).toBeGreaterThanOrEqual(110);
  for (const [name, tamper] of tried) {
    const place = path();
    const [run, outside] = [join(place, "run"), join(place, "outside")];
    cpSync(base, run, { recursive: true });
    mkdirSync(outside, { recursive: true });
    for (const file of ["precious.json", "000001", "manifest.json", "x.tmp"]) {
      writeFileSync(join(outside, file), `{"mine":"${file}"}`);
    }
    const before = contents(outside);
    tamper(run, outside);
    const hang = new Promise<never>((_, reject) =>
      setTimeout(reject, 60_000, new Error(`${name} hangs`)).unref(),
    );
    const { code, message } = await Promise.race([outcome(run), hang]);
    expect(code, `${name}: ${message}`).not.toBe(1);
    expect(contents(outside), name).toEqual(before);
    expect(message.length, name).toBeLessThan(4000);
    rmSync(place, { recursive: true });
  }
});

test("what no training reaches is refused with its place", async () => {
  const expected: Record<string, RegExp> = {
    "manifest step: 1000000000": /at step 1000000000 of 12/,
    "config.json: a hundred thousand levels": /config\.json is damaged: it does not hold JSON of/,
    "summary.json: a hundred thousand levels": /summary\.json is damaged/,
    "manifest step: 12": /learned for 4 steps, not for 12/,
    "option epochs: 0.1":
      /config\.json is no configuration of a run:\s+options\.epochs: expected int/,
    "option epochs: undefined": /options\.epochs: expected/,
    "state: that of the start at the last step": /learned for 0 steps, not for 12/,
    "checkpoints: a link to a folder outside": /checkpoints is no folder, or a link to one/,
    "metrics.jsonl: another name of a file outside": /metrics\.jsonl has several names/,
  };
  for (const [name, reason] of Object.entries(expected)) {
    const [run, outside] = [path(), path()];
    cpSync(base, run, { recursive: true });
    mkdirSync(outside);
    writeFileSync(join(outside, "precious.json"), "{}");
    const tamper = cases.find(([each]) => each === name)?.[1];
    tamper!(run, outside);
    const { code, message } = await outcome(run);
    expect(message, name).toMatch(reason);
    expect([2, 4], name).toContain(code);
    expect(readdirSync(run), name).not.toContain("model.onnx");
  }
});
