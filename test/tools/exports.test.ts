// What `npm run exports` makes of the outputs of a network.
import { expect, test } from "vitest";
import { fromFloat32 } from "../../src/graph/tensorData.ts";
import { compareOutputs, verdict } from "../../tools/exports/compare.ts";

/** Compares outputs of two numbers an image with themselves, but for a difference in the last one. */
function compared(values: readonly number[], difference = 0) {
  const expected = fromFloat32([values.length / 2, 2], Float32Array.from(values));
  const actual = values.with(-1, values.at(-1)! + difference);
  return compareOutputs(actual, expected, values.length / 2);
}

test("difference and contrast are over the largest output", () => {
  const { difference, contrast } = compared([1, 4, 2, 3], 0.5);
  expect(difference).toBeCloseTo(0.5 / 4, 6);
  expect(contrast).toBeCloseTo(1 / 4, 6);
});

test("a contrast is that of two whole images, and one image has none", () => {
  // Halves of three images of two would compare 1, 2, 3 with 4, 1, 2.
  expect(compared([1, 2, 3, 4, 1, 2]).contrast).toBeCloseTo(2 / 4, 6);
  expect(compared([1, 4]).contrast).toBe(undefined);
  expect(verdict([compared([1, 4])])).toEqual({ passed: true, difference: 0 });
});

test("a network passes that agrees, and whose answers depend on the image", () => {
  expect(verdict([compared([1, 4, 2, 3])])).toEqual({
    passed: true,
    difference: 0,
    contrast: 0.25,
  });
  expect(verdict([compared([1, 4, 2, 3], 0.01)])).toMatchObject({ passed: false });
  expect(verdict([compared([1, 4, 1, 4.0078125])])).toMatchObject({ passed: false, difference: 0 });
  expect(verdict([compareOutputs([1], undefined, 1)])).toMatchObject({ passed: false });
});
