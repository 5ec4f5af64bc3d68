// What a reader of the results is told, and which gates they miss.
import { expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { missedGates } from "../../src/obfuscate/gates.ts";
import type { ResolvedOptions } from "../../src/obfuscate/options.ts";
import { planOriginal } from "../../src/obfuscate/original.ts";
import { notesOnHead, warningsOf } from "../../src/obfuscate/warnings.ts";

const figures = {
  accuracy: 0.9,
  accuracyInterval: [0.88, 0.92] as const,
  parameters: 1,
  macs: 1,
  convolutions: 1,
  bytes: 1,
  sha256: "",
  latencyMs: { batch1: 1, batch64: 1 },
};
const results = {
  original: figures,
  obfuscated: figures,
  verify: {
    maxAbsDiff: 0,
    maxRelDiff: 0,
    samples: 1000,
    agreement: 1,
    logitError: 0,
    paired: { onlyFirst: 0, onlySecond: 0, pValue: 1 },
    trainingLogitError: 0,
    maxAbsDiffToOriginal: 0,
    predictionsSha256: "",
  },
};

test("says what a gate in points instead of shares of 1 lets through", () => {
  expect(warningsOf(results, { maxAccuracyDrop: 0.5 })).toContain(
    "--max-accuracy-drop 0.5 allows a loss of 50.00 points: one point is 0.01",
  );
  expect(warningsOf(results, { maxAccuracyDrop: 0.01 })).toEqual([]);
});

test("says that a gate is finer than one image, also where both files are right on the same ones", () => {
  expect(warningsOf(results, { maxAccuracyDrop: 0.0005 })).toEqual([
    "1000 test images can tell differences of 0.10 points, and the accuracy drop allowed is 0.05 points: whether it is " +
      "kept is partly chance",
  ]);
  expect(warningsOf(results, { maxAccuracyDrop: 0.001 })).toEqual([]);
});

test("says that a gate is finer than the images that only one file is right on make it", () => {
  const paired = { onlyFirst: 30, onlySecond: 34, pValue: 1 };
  const told = (maxAccuracyDrop: number) =>
    warningsOf({ ...results, verify: { ...results.verify, paired } }, { maxAccuracyDrop });
  // 1.96 · √64 of a thousand images.
  expect(told(0.0156)).toEqual([expect.stringContaining("can tell differences of 1.57 points")]);
  expect(told(0.0157)).toEqual([]);
});

test("says what the chain loses where that is more than two points", () => {
  const told = (accuracy: number) =>
    warningsOf({ ...results, obfuscated: { ...figures, accuracy } }, {});
  expect(told(0.879)).toEqual([
    "The chain loses 2.10 points of accuracy. More epochs or a wider chain lose less",
  ]);
  expect(told(0.881)).toEqual([]);
});

test("misses a gate of accuracy where a quantized file that was asked for is not there", () => {
  const gates = { quantize: ["int8"] as const };
  expect(missedGates(results, { ...gates, minAccuracy: 0.5 })).toEqual([
    "--quantize int8: there is no such file to keep them",
  ]);
  expect(missedGates(results, gates)).toEqual([]);
});

/** The results with an int8 file beside the float one. */
function withInt8(accuracy: number, agreement: number) {
  const { latencyMs, sha256, bytes } = figures;
  const measured = { accuracy, agreement, accuracyInterval: [0.78, 0.82] as const };
  return {
    ...results,
    quantized: { int8: { ...measured, model: "model.int8.onnx", latencyMs, sha256, bytes } },
  };
}

test("lets a drop through that is as large as is allowed, whatever the computer makes of it", () => {
  const gates = (drop: number) => ({ maxAccuracyDrop: drop, minAccuracy: 0.925 });
  const of = (before: number, after: number) => ({
    ...results,
    original: { ...figures, accuracy: before },
    obfuscated: { ...figures, accuracy: after },
  });
  expect(0.93 - 0.925).toBeGreaterThan(0.005);
  expect(missedGates(of(0.93, 0.925), gates(0.005))).toEqual([]);
  expect(missedGates(of(0.93, 0.9249), gates(0.005))).toHaveLength(2);
});

test("says what a quantized file loses against the chain", () => {
  expect(warningsOf(withInt8(0.8, 1), {})).toEqual([
    "The int8 file loses another 10.00 points of accuracy: ship the other one",
  ]);
  expect(warningsOf(withInt8(0.895, 0.5), {})).toEqual([]);
  const { paired: _, ...verify } = results.verify;
  expect(warningsOf({ ...withInt8(Number.NaN, 0.9), verify }, {})).toEqual([
    "The int8 file loses another 10.00 points of agreement with the original: ship the other one",
  ]);
});

test("says of few images how far their figure may be off, with labels or without", () => {
  const few = { ...results.verify, samples: 64 };
  expect(warningsOf({ ...results, verify: few }, {})).toEqual([
    "few images to judge by (64) say little: the chain's accuracy lies within 88.0 to 92.0 %",
  ]);
  const { paired: _, ...verify } = { ...few, samples: 100, agreement: 0.8 };
  // Wilson's interval of 80 of 100, as textbooks have it.
  expect(warningsOf({ ...results, verify }, {})).toEqual([
    "few images to judge by (100) say little: the chain's agreement with the original lies within 71.1 to 86.7 %",
  ]);
});

test("gates of accuracy are for quantized files, too", () => {
  const missed = (gates: Pick<ResolvedOptions, "minAccuracy" | "maxAccuracyDrop">) =>
    missedGates(withInt8(0.8, 1), gates);
  expect(missed({ minAccuracy: 0.85, maxAccuracyDrop: 0.05 })).toEqual([
    "--min-accuracy: 80.00 % of the int8 file is below 85.00 %",
    "--max-accuracy-drop: 10.00 % of the int8 file is more than 5.00 %",
  ]);
  expect(missed({ minAccuracy: 0.75, maxAccuracyDrop: 0.15 })).toEqual([]);
});

test("says of an original with wide linear layers that most of it is shipped as it is", () => {
  const original = (hidden: number) => {
    const build = new GraphBuilder();
    let x = build.input("image", ["N", 1, 8, 8]);
    for (const name of ["a", "b", "c"])
      x = build.relu(build.conv(x, { name, outputs: 4, kernel: 3, padding: 1 }));
    const wide = build.relu(build.linear(build.flatten(x), { name: "wide", outputs: hidden }));
    build.output(build.linear(wide, { name: "head", outputs: 4 }), "logits");
    return planOriginal(build.build(), [1, 8, 8], { model: "original.onnx", depth: 3 });
  };
  // Convolutions take 64 · 9 · (4 + 16 + 16) multiply-accumulates, the linear layers 260 for each hidden value.
  expect(notesOnHead(original(79))).toEqual([]);
  expect(notesOnHead(original(160))).toEqual([
    expect.stringMatching(/^67 % of the original's multiply-accumulates lie behind the boundary/),
  ]);
});
