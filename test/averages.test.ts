import { expect, test } from "vitest";
import { median } from "../src/averages.ts";

test("median", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([10, 1, 2, 3])).toBe(2.5);
  expect(() => median([])).toThrow(RangeError);
});
