import { expect, test } from "vitest";
import {
  argmaxRows,
  countEqual,
  findNaN,
  maxAbs,
  maxAbsDifference,
} from "../../src/evaluate/metrics.ts";

test("argmaxRows takes the largest of each row, the first of equal ones", () => {
  const logits = Float32Array.of(1, 3, 2, -1, -5, -1, 0, 0, 0);
  expect([...argmaxRows(logits, 3)]).toEqual([1, 0, 0]);
  expect([...argmaxRows(Float32Array.of(4, 5), 1)]).toEqual([0, 0]);
  expect([...argmaxRows(new Float32Array(0), 3)]).toEqual([]);
});

test("countEqual", () => {
  expect(countEqual([1, 2, 3, 4], [1, 0, 3, 0])).toBe(2);
});

test("maxAbsDifference is infinite where only one is finite or a number", () => {
  expect(maxAbsDifference(Float32Array.of(1, 2, -3), Float32Array.of(1.5, 2, 1))).toBe(4);
  const nan = Float32Array.of(Number.NaN);
  expect(maxAbsDifference(nan, nan)).toBe(0);
  expect(maxAbsDifference(nan, Float32Array.of(1))).toBe(Number.POSITIVE_INFINITY);
  const infinite = Float32Array.of(Number.NEGATIVE_INFINITY);
  expect(maxAbsDifference(infinite, infinite)).toBe(0);
  expect(maxAbsDifference(infinite, Float32Array.of(0))).toBe(Number.POSITIVE_INFINITY);
});

test("maxAbs and findNaN", () => {
  expect(maxAbs(Float32Array.of(1, -7, 3))).toBe(7);
  expect(maxAbs(new Float32Array(0))).toBe(0);
  expect(findNaN(Float32Array.of(1, Number.POSITIVE_INFINITY, Number.NaN))).toBe(2);
  expect(findNaN(Float32Array.of(1, 2))).toBe(-1);
});
