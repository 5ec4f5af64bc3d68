import { describe, expect, test } from "vitest";
import {
  add,
  backward,
  full,
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
const amxConvolutionRelu = operator("deepobf::amx_convolution_relu");
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

/** Output and gradients of input, weight and bias, in bfloat16 by native/amx.cc or in float32 by libtorch. */
function results(
  dtype: "float32" | "bfloat16",
  given: Case,
  own: readonly [boolean, boolean] = [true, true],
): number[][] {
  manualSeed(3);
  const { images, outputs, kernel, stride, padding } = given;
  const x = parameter(random(images, dtype).to({ memoryFormat: "channelsLast" }));
  const weight = parameter(random([outputs, images[1], ...kernel], dtype));
  const bias = parameter(random([outputs], dtype));
  const y =
    dtype === "bfloat16"
      ? amxConvolution(x, weight, bias, stride, padding, ...own)
      : convolution(x, weight, bias, stride, padding, [1, 1], false, [0, 0], 1);
  backward(sum(mul(y, random(y.shape, dtype))));
  return [y, ...[x, weight, bias].map(({ grad }) => grad!)].map((each) => each.numbers());
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

/** No bias, stride and padding of 1, all by native/amx.cc. */
const plain = [null, [1, 1], [1, 1], true, true] as const;

const square = { kernel: [3, 3], stride: [1, 1], padding: [1, 1] } as const;

describe.skipIf(!hasMatrixUnits())("convolution on AMX", () => {
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
    { images: [30, 3, 9, 9], outputs: 20, ...square },
    { images: [3, 3, 23, 24], outputs: 16, kernel: [7, 7], stride: [2, 2], padding: [3, 3] },
    { images: [4, 5, 8, 6], outputs: 7, ...square, stride: [2, 1] },
    { images: [3, 1, 6, 6], outputs: 1, kernel: [1, 4], stride: [1, 1], padding: [0, 2] },
    { images: [5, 41, 7, 7], outputs: 33, ...square },
    { images: [2, 17, 4, 4], outputs: 49, kernel: [1, 1], stride: [1, 1], padding: [0, 0] },
    { images: [3, 20, 12, 12], outputs: 12, kernel: [5, 5], stride: [3, 2], padding: [2, 2] },
  ])("agrees with libtorch's in float32: %j", (given) => {
    const exact = results("float32", given);
    for (const [i, found] of results("bfloat16", given).entries()) {
      expectRounded(found, exact[i]!);
    }
  });

  test("leaves to libtorch what it is told to", () => {
    const given = { images: [9, 16, 6, 6], outputs: 32, ...square } as const;
    const exact = results("float32", given);
    for (const [i, found] of results("bfloat16", given, [false, false]).entries()) {
      expectRounded(found, exact[i]!);
    }
  });

  test("gives the same with one thread as with two, but for the order of sums", () => {
    const given = { images: [90, 32, 8, 8], outputs: 32, ...square } as const;
    const before = threads();
    const weightGradients = (count: number) => {
      setThreads(count);
      return [0, 1].map(() => results("bfloat16", given)[2]!);
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
    const convolve = (of: Tensor, by: Tensor) => amxConvolution(of, by, ...plain);
    expectNoneForFrozen(convolve, { x, weight });
  });

  test.each([
    { inputs: 16, outputs: 16, stride: 1, adds: true },
    { inputs: 48, outputs: 40, stride: 2, adds: true },
    { inputs: 3, outputs: 20, stride: 1, adds: false },
  ])("adds and cuts off what is negative in the same pass: %j", (given) => {
    const { inputs, outputs, stride, adds } = given;
    const [x, weight, bias] = [[5, inputs, 9, 9], [outputs, inputs, 3, 3], [outputs]].map((shape) =>
      random(shape, "float32"),
    ) as [Tensor, Tensor, Tensor];
    const exact = convolution(x, weight, bias, [stride, stride], [1, 1], [1, 1], false, [0, 0], 1);
    const addend = adds ? random(exact.shape, "float32") : undefined;
    const expected = (addend ? add(exact, addend) : exact).numbers().map((v) => Math.max(0, v));
    const [a, b, c, d] = [x, weight, bias, addend].map((each) => each?.to({ dtype: "bfloat16" }));
    const found = amxConvolutionRelu(a, b, c, [stride, stride], [1, 1], d ?? null);
    expectRounded(found.numbers(), expected);
    expect(Math.min(...found.numbers())).toBe(0);
  });

  test("keeps what is no number, and refuses an addend of another shape", () => {
    const [x, weight] = [random([1, 16, 2, 2], "bfloat16"), random([16, 16, 1, 1], "bfloat16")];
    const infinite = full([1, 16, 2, 2], Number.NaN).to({ dtype: "bfloat16" });
    const relu = (addend: Tensor) => amxConvolutionRelu(x, weight, null, [1, 1], [0, 0], addend);
    expect(relu(infinite).numbers()).toEqual(new Array<number>(64).fill(Number.NaN));
    expect(() => relu(random([1, 16, 2, 1], "bfloat16"))).toThrow("bfloat16 addend [1, 16, 2, 2]");
    expect(() => relu(random([1, 16, 2, 2], "float32"))).toThrow("bfloat16 addend [1, 16, 2, 2]");
  });

  test.each([
    [[1, 16, 4, 4], [16, 32, 3, 3], "weight [O, 16, height, width]"],
    [[16, 4, 4], [16, 16, 3, 3], "input [N, C, H, W]"],
    [[0, 16, 4, 4], [16, 16, 3, 3], "input [N, C, H, W]"],
    [[1, 16, 4, 4], [16, 16, 7, 3], "kernel of 7 pixels at most 6"],
  ])("refuses images %j with weights %j", (images, weights, message) => {
    const [x, weight] = [random(images, "bfloat16"), random(weights, "bfloat16")];
    expect(() => amxConvolution(x, weight, ...plain)).toThrow(message);
  });

  test("refuses a bias of another length", () => {
    const [x, weight] = [random([1, 16, 4, 4], "bfloat16"), random([32, 16, 3, 3], "bfloat16")];
    for (const bias of [random([16], "bfloat16"), random([33], "bfloat16")]) {
      const message = "expected a bias of 32 elements";
      expect(() => amxConvolution(x, weight, bias, ...plain.slice(1))).toThrow(message);
      expect(() => amxConvolutionRelu(x, weight, bias, [1, 1], [1, 1], null)).toThrow(message);
    }
  });

  test("refuses float32", () => {
    const [x, weight] = [random([1, 16, 4, 4], "float32"), random([16, 16, 3, 3], "float32")];
    expect(() => amxConvolution(x, weight, ...plain)).toThrow("bfloat16 input");
  });
});
