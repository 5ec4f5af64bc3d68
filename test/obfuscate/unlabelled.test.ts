// The main job on images without labels: the original teaches, and its agreement with the chain is what is known.
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { renderSummary } from "../../src/cli/summary.ts";
import { UsageError } from "../../src/errors.ts";
import { referenceJob } from "../../src/jobs/index.ts";
import { type ObfuscateOptions, obfuscationJob } from "../../src/obfuscate/index.ts";
import { prepare } from "../../src/obfuscate/prepare.ts";
import { workshop } from "../workshop.ts";
import { writeData } from "./tiny.ts";

const path = workshop();
const data = writeData(path("data"));
const shared = {
  data,
  batchSize: 16,
  threads: 1,
  precision: "f32",
  mean: [0.4],
  std: [0.3],
} as const;
let model = "";

beforeAll(async () => {
  const original = { architecture: "resnet8", epochs: 4, out: path("original"), ...shared };
  model = (await referenceJob.start(original)).files.model;
});

const options = (changes: Partial<ObfuscateOptions> = {}): ObfuscateOptions => ({
  model,
  depth: 4,
  epochs: 4,
  out: path(),
  ...shared,
  labels: "none",
  ...changes,
});

test("gives a chain that agrees with the original, resumed or not", async () => {
  const summary = await obfuscationJob.start(options());
  expect(summary.verify.agreement).toBeGreaterThan(0.9);
  expect(summary.original.accuracy).toBeNaN();
  const again = await obfuscationJob.resume(summary.files.summary.replace(/\/[^/]*$/, ""));
  expect(again.verify.agreement).toBe(summary.verify.agreement);
  for (const each of [summary, again])
    expect(renderSummary(each)).toMatch(/accuracy.*unknown +unknown/);
});

test("learns from few images with labels and many from elsewhere", async () => {
  const few = writeData(path("few"), { train: 16 });
  const changes = { data: few, labels: "folders", extraData: data } as const;
  const summary = await obfuscationJob.start(options(changes));
  expect(summary.original.accuracy).toBeGreaterThan(0.5);
  // Sixteen images alone, shown as often, do not teach this.
  expect(summary.verify.agreement).toBeGreaterThan(0.9);
});

test("tells which images from elsewhere are shown turned", async () => {
  const grey = { width: 8, height: 8, channels: 3, background: "grey" } as const;
  await sharp({ create: grey }).png().toFile(path("elsewhere/plain.png"));
  await sharp({ create: grey })
    .withMetadata({ orientation: 6 })
    .toFile(path("elsewhere/turned.png"));
  const extraData = `images:${path("elsewhere")}`;
  const { description } = await prepare({ ...options({ extraData }), out: path() });
  expect(description.data.notes).toContain(
    "1 of 2 images of --extra-data carries a camera's rotation, which is applied",
  );
});

test.each<[string, Partial<ObfuscateOptions>]>([
  ["--label-weight", { labelWeight: 0.5 }],
  ["--label-smoothing", { labelSmoothing: 0.1 }],
  ["--min-accuracy", { minAccuracy: 0 }],
  ["--max-accuracy-drop", { maxAccuracyDrop: 0 }],
])("refuses %s, which needs labels", async (flag, changes) => {
  const starting = obfuscationJob.start(options(changes));
  await expect(starting).rejects.toThrow(UsageError);
  await expect(starting).rejects.toThrow(`${flag}: only with labels`);
});

test("a reference model needs labels", async () => {
  const options = {
    architecture: "resnet8",
    epochs: 1,
    out: path(),
    ...shared,
    labels: "none",
  } as const;
  await expect(referenceJob.start(options)).rejects.toThrow("needs labels");
});
