import { describe, expect, test } from "vitest";
import { fromNumbers, toNumbers } from "../../src/graph/tensorData.ts";
import { affineOf, quantizeLayer } from "../../src/quantize/affine.ts";

describe("scale and zero point of activations", () => {
  test.each([
    ["behind ReLU", { least: 0, greatest: 5.1 }, { scale: 5.1 / 255, zeroPoint: -128 }],
    ["of both signs", { least: -1, greatest: 1.55 }, { scale: 0.01, zeroPoint: -28 }],
    [
      "above 0 are widened to hold it",
      { least: 2, greatest: 2.55 },
      { scale: 0.01, zeroPoint: -128 },
    ],
    ["below 0 likewise", { least: -2.55, greatest: -1 }, { scale: 0.01, zeroPoint: 127 }],
    ["that are always 0", { least: 0, greatest: 0 }, { scale: 1, zeroPoint: -128 }],
  ])("%s", (_, range, { scale, zeroPoint }) => {
    const found = affineOf(range);
    expect(found.zeroPoint).toBe(zeroPoint);
    expect(found.scale).toBeCloseTo(scale, 8);
  });
});

describe("weights and biases", () => {
  test("have one scale an output, whose largest weight is 127", () => {
    const weight = fromNumbers("float32", [2, 1, 1, 3], [1.27, -0.5, 0.015, 2.54, 0.06, -2.54]);
    const bias = fromNumbers("float32", [2], [1, -3]);
    const layer = quantizeLayer({ weight, bias }, { outputAxis: 0, inputScale: 0.5 });
    expect(toNumbers(layer.weight)).toEqual([127, -50, 2, 127, 3, -127]);
    const scales = toNumbers(layer.weightScales);
    for (const [i, scale] of [0.01, 0.02].entries()) expect(scales[i]).toBeCloseTo(scale, 8);
    expect(layer.bias?.dtype).toBe("int32");
    expect(toNumbers(layer.bias!)).toEqual([200, -300]);
    for (const [i, scale] of [0.005, 0.01].entries()) {
      expect(toNumbers(layer.biasScales)[i]).toBeCloseTo(scale, 8);
    }
  });

  test("may have their outputs along the second axis", () => {
    const weight = fromNumbers("float32", [2, 2], [1.27, 0.127, -0.5, 0.05]);
    const layer = quantizeLayer({ weight, bias: undefined }, { outputAxis: 1, inputScale: 1 });
    expect(toNumbers(layer.weight)).toEqual([127, 127, -50, 50]);
    expect(layer.bias).toBeUndefined();
  });

  test("may have as many outputs as a large table", () => {
    const outputs = 200_000;
    const weight = fromNumbers("float32", [outputs, 1], new Float32Array(outputs).fill(1.27));
    const layer = quantizeLayer({ weight, bias: undefined }, { outputAxis: 0, inputScale: 1 });
    expect(layer.weight.data.every((value) => value === 127)).toBe(true);
  });

  test("of a channel without weights, or with a bias far above them, leave the bias its value", () => {
    const weight = fromNumbers("float32", [3, 1], [1.27, 0, 1e-12]);
    const bias = fromNumbers("float32", [3], [0, 0.7, 1000]);
    const layer = quantizeLayer({ weight, bias }, { outputAxis: 0, inputScale: 0.1 });
    const scales = toNumbers(layer.biasScales);
    const found = toNumbers(layer.bias!).map((value, i) => value * scales[i]!);
    expect(found[1]).toBeCloseTo(0.7, 3);
    expect(found[2]! / 1000).toBeCloseTo(1, 6);
    expect(toNumbers(layer.weight)).toEqual([127, 0, 0]);
  });
});
