// What a reader of the results is told.
import { expect, test } from "vitest";
import { warningsOf } from "../../src/obfuscate/warnings.ts";

const figures = {
  accuracy: 0.9,
  accuracyInterval: [0.88, 0.92] as const,
  ...{ parameters: 1, macs: 1, convolutions: 1, bytes: 1, sha256: "" },
  latencyMs: { batch1: 1, batch64: 1 },
};
const results = {
  original: figures,
  obfuscated: figures,
  verify: {
    ...{ maxAbsDiff: 0, maxRelDiff: 0, samples: 1000, agreement: 1, logitError: 0 },
    paired: { onlyFirst: 0, onlySecond: 0, pValue: 1 },
    ...{ trainingLogitError: 0, maxAbsDiffToOriginal: 0, predictionsSha256: "" },
  },
};

test("says what a gate in points instead of shares of 1 lets through", () => {
  expect(warningsOf(results, { maxAccuracyDrop: 0.5 })).toContain(
    "--max-accuracy-drop 0.5 allows a loss of 50.00 points: one point is 0.01",
  );
  expect(warningsOf(results, { maxAccuracyDrop: 0.01 })).toEqual([]);
});
