import { expect, test } from "vitest";
import { argmaxRows, countEqual, findNaN } from "../../src/evaluate/metrics.ts";

test("argmaxRows takes the largest of each row, the first of equal ones", () => {
  const logits = Float32Array.of(1, 3, 2, -1, -5, -1, 0, 0, 0);
  expect([...argmaxRows(logits, 3)]).toEqual([1, 0, 0]);
  expect([...argmaxRows(Float32Array.of(4, 5), 1)]).toEqual([0, 0]);
  expect([...argmaxRows(new Float32Array(0), 3)]).toEqual([]);
});

test("countEqual", () => {
  expect(countEqual([1, 2, 3, 4], [1, 0, 3, 0])).toBe(2);
});

test("findNaN", () => {
  expect(findNaN(Float32Array.of(1, Number.POSITIVE_INFINITY, Number.NaN))).toBe(2);
  expect(findNaN(Float32Array.of(1, 2))).toBe(-1);
});
