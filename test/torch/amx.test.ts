import { describe, expect, test } from "vitest";
import {
  backward,
  hasMatrixUnits,
  manualSeed,
  mul,
  operator,
  parameter,
  randn,
  setThreads,
  sum,
  type Tensor,
  threads,
} from "../../src/torch/index.ts";
import { expectNoneForFrozen } from "./frozen.ts";

const amxConvolution = operator("deepobf::amx_convolution");
const convolution = operator("aten::convolution");

interface Case {
  /** N, C, H, W. */
  readonly images: readonly [number, number, number, number];
  readonly outputs: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
}

/** Random values that bfloat16 holds, in the given type. */
function random(shape: readonly number[], dtype: "float32" | "bfloat16"): Tensor {
  return randn(shape).to({ dtype: "bfloat16" }).to({ dtype });
}

/** Gradients of input, weight and bias, in bfloat16 by native/amx.cc or in float32 by libtorch. */
function gradients(dtype: "float32" | "bfloat16", given: Case): number[][] {
  manualSeed(3);
  const { images, outputs, kernel, stride, padding } = given;
  const x = parameter(random(images, dtype).to({ memoryFormat: "channelsLast" }));
  const weight = parameter(random([outputs, images[1], ...kernel], dtype));
  const bias = parameter(random([outputs], dtype));
  const y =
    dtype === "bfloat16"
      ? amxConvolution(x, weight, bias, stride, padding)
      : convolution(x, weight, bias, stride, padding, [1, 1], false, [0, 0], 1);
  backward(sum(mul(y, random(y.shape, dtype))));
  return [x, weight, bias].map(({ grad }) => grad!.numbers());
}

/** Every value as close as bfloat16 is, besides what sums in float32 lose. */
function expectRounded(found: readonly number[], expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const excess = expected.map(
    (value, i) => Math.abs(found[i]! - value) - Math.abs(value) / 2 ** 8 - 1e-5 * largest,
  );
  expect(Math.max(...excess)).toBeLessThanOrEqual(0);
}

const square = { kernel: [3, 3], stride: [1, 1], padding: [1, 1] } as const;

describe.skipIf(!hasMatrixUnits())("convolution whose weight gradient AMX computes", () => {
  test.each<Case>([
    { images: [3, 16, 5, 4], outputs: 16, ...square },
    { images: [40, 48, 8, 8], outputs: 32, ...square },
    { images: [300, 32, 2, 2], outputs: 48, ...square },
    { images: [5, 16, 1, 1], outputs: 16, ...square },
    { images: [2, 16, 40, 33], outputs: 32, ...square },
    { images: [7, 32, 8, 7], outputs: 16, ...square, stride: [2, 2] },
    { images: [7, 16, 9, 14], outputs: 64, ...square, stride: [2, 3] },
    { images: [4, 16, 14, 14], outputs: 16, ...square, stride: [2, 2], padding: [0, 0] },
    { images: [4, 16, 6, 9], outputs: 16, kernel: [5, 3], stride: [1, 2], padding: [2, 0] },
    { images: [3, 16, 6, 8], outputs: 16, kernel: [2, 4], stride: [3, 2], padding: [0, 1] },
    { images: [3, 32, 20, 20], outputs: 16, kernel: [7, 7], stride: [4, 4], padding: [3, 3] },
    { images: [3, 16, 4, 4], outputs: 16, kernel: [1, 1], stride: [2, 2], padding: [0, 0] },
    { images: [2, 16, 3, 3], outputs: 16, kernel: [2, 2], stride: [1, 1], padding: [3, 2] },
  ])("agrees with libtorch's in float32: %j", (given) => {
    const [, weight, bias] = gradients("bfloat16", given);
    const [, exactWeight, exactBias] = gradients("float32", given);
    expectRounded(weight!, exactWeight!);
    expectRounded(bias!, exactBias!);
  });

  test("gives the same with one thread as with two, but for the order of sums", () => {
    const given = { images: [90, 32, 8, 8], outputs: 32, ...square } as const;
    const before = threads();
    const weightGradients = (count: number) => {
      setThreads(count);
      return [0, 1].map(() => gradients("bfloat16", given)[1]!);
    };
    const [one, sameOne] = weightGradients(1);
    const [two, sameTwo] = weightGradients(2);
    setThreads(before);
    expect(sameOne).toEqual(one);
    expect(sameTwo).toEqual(two);
    const largest = Math.max(...one!.map(Math.abs));
    const difference = Math.max(...one!.map((value, i) => Math.abs(value - two![i]!)));
    expect(difference / largest).toBeLessThan(2 ** -7);
  });

  test("gives no gradients to what is frozen", () => {
    const [x, weight] = [random([2, 16, 4, 4], "bfloat16"), random([16, 16, 3, 3], "bfloat16")];
    const convolve = (of: Tensor, by: Tensor) => amxConvolution(of, by, null, [1, 1], [1, 1]);
    expectNoneForFrozen(convolve, { x, weight });
  });

  test.each([
    [[1, 8, 4, 4], [16, 8, 3, 3], "C a multiple of 16"],
    [[1, 16, 4, 4], [8, 16, 3, 3], "O a multiple of 16"],
    [[1, 16, 4, 4], [16, 32, 3, 3], "weight [O, 16, height, width]"],
    [[16, 4, 4], [16, 16, 3, 3], "input [N, C, H, W]"],
  ])("refuses images %j with weights %j", (images, weights, message) => {
    const [x, weight] = [random(images, "bfloat16"), random(weights, "bfloat16")];
    expect(() => amxConvolution(x, weight, null, [1, 1], [1, 1])).toThrow(message);
  });

  test("refuses float32", () => {
    const [x, weight] = [random([1, 16, 4, 4], "float32"), random([16, 16, 3, 3], "float32")];
    expect(() => amxConvolution(x, weight, null, [1, 1], [1, 1])).toThrow("bfloat16 input");
  });
});
