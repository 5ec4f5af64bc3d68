import { expect, test } from "vitest";
import { type Arm, headStarts, spread } from "../../src/attack/headStart.ts";

function result(arm: Arm["arm"], accuracies: number[], changes: Partial<Arm> = {}): Arm {
  const figures = { accuracies, ...spread(accuracies), learningRate: 0.05, optimizer: "sgd" };
  return { arm, method: "initFC-all", budget: 0.1, ...figures, ...changes };
}

test("a head start is the mean of the differences seed by seed, in points, with their deviation", () => {
  const starts = headStarts([
    result("original", [0.6, 0.62, 0.64]),
    result("original-scratch", [0.4, 0.44, 0.42]),
    // The better method counts.
    result("obfuscated", [0.3, 0.3, 0.3], { method: "initFC-FC" }),
    result("obfuscated", [0.65, 0.66, 0.64]),
    result("obfuscated-scratch", [0.45, 0.46, 0.47]),
    result("original", [0.9, 0.9], { budget: 1 }),
    result("original-scratch", [0.8, 0.8], { budget: 1 }),
    result("obfuscated", [0.9, 0.9], { budget: 1 }),
    result("obfuscated-scratch", [0.9, 0.9], { budget: 1 }),
  ]);
  // 20, 18, 22: mean 20, squares 0 + 4 + 4 over 2. 20, 20, 17: mean 19, squares 1 + 1 + 4 over 2.
  const close = (mean: number, deviation: number) => ({
    mean: expect.closeTo(mean, 9),
    deviation: expect.closeTo(deviation, 9),
  });
  expect(starts).toEqual([
    { budget: 0.1, original: close(20, 2), obfuscated: close(19, Math.sqrt(3)) },
    { budget: 1, original: close(10, 0), obfuscated: close(0, 0) },
  ]);
});

test("a single seed has no deviation", () => {
  expect(spread([0.5])).toEqual({ mean: 0.5, deviation: null });
  expect(spread([1, 3])).toEqual({ mean: 2, deviation: Math.SQRT2 });
});
