import { describe, expect, test } from "vitest";
import {
  backward,
  manualSeed,
  mul,
  operator,
  parameter,
  randn,
  sum,
  type Tensor,
} from "../../src/torch/index.ts";

const patchConvolution = operator("deepobf::patch_convolution");
const reference = operator("aten::convolution");

interface Case {
  /** N, C, H, W. */
  readonly images: readonly [number, number, number, number];
  readonly outputs: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly bias: boolean;
}

type Convolve = (x: Tensor, weight: Tensor, bias: Tensor | null, window: Case) => Tensor;

const convolve: Convolve = (x, weight, bias, { stride, padding }) =>
  reference(x, weight, bias, stride, padding, [1, 1], false, [0, 0], 1);
const convolveByPatches: Convolve = (x, weight, bias, { stride, padding }) =>
  patchConvolution(x, weight, bias, stride, padding);

/** The output and the gradients of everything that has one. */
function run(how: Convolve, given: Case): { name: string; values: number[] }[] {
  manualSeed(3);
  const { images, outputs, kernel } = given;
  const x = parameter(randn(images).to({ memoryFormat: "channelsLast" }));
  const weight = parameter(randn([outputs, images[1], ...kernel]));
  const bias = given.bias ? parameter(randn([outputs])) : null;
  const y = how(x, weight, bias, given);
  backward(sum(mul(y, randn(y.shape))));
  const found = { y, x: x.grad!, weight: weight.grad!, ...(bias && { bias: bias.grad! }) };
  return Object.entries(found).map(([name, tensor]) => ({ name, values: tensor.numbers() }));
}

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

const square = { kernel: [3, 3], stride: [1, 1], padding: [1, 1] } as const;

describe("convolution whose weight gradient is a product over patches", () => {
  test.each<Case>([
    { images: [2, 8, 4, 4], outputs: 5, ...square, bias: false },
    { images: [3, 4, 7, 6], outputs: 8, ...square, stride: [2, 2], bias: true },
    {
      images: [2, 3, 5, 9],
      outputs: 4,
      kernel: [5, 3],
      stride: [1, 2],
      padding: [2, 0],
      bias: true,
    },
    { images: [4, 6, 1, 1], outputs: 2, ...square, bias: false },
    {
      images: [1, 2, 6, 8],
      outputs: 3,
      kernel: [2, 4],
      stride: [2, 3],
      padding: [0, 1],
      bias: true,
    },
  ])("agrees with libtorch's: %j", (given) => {
    const expected = run(convolve, given);
    run(convolveByPatches, given).forEach(({ name, values }, i) => {
      const reference = expected[i]!;
      expect([name, values.length]).toEqual([reference.name, reference.values.length]);
      const difference = largest(values.map((value, at) => value - reference.values[at]!));
      expect(difference / largest(reference.values), name).toBeLessThan(3e-6);
    });
  });

  test("gives no gradients to what is frozen", () => {
    const window = [null, [1, 1], [1, 1]] as const;
    const [x, weight] = [randn([2, 4, 4, 4]), randn([3, 4, 3, 3])];
    const [learned, features] = [parameter(weight.detach()), parameter(x.detach())];
    backward(sum(patchConvolution(x, learned, ...window)));
    backward(sum(patchConvolution(features, weight, ...window)));
    expect(learned.grad).toBeDefined();
    expect(features.grad).toBeDefined();
    expect([x.grad, weight.grad]).toEqual([undefined, undefined]);
  });

  test.each([
    [
      [1, 8, 4, 4],
      [4, 4, 3, 3],
    ],
    [
      [8, 4, 4],
      [4, 8, 3, 3],
    ],
  ])("refuses images %j with weights %j", (images, weights) => {
    expect(() => patchConvolution(randn(images), randn(weights), null, [1, 1], [1, 1])).toThrow(
      "expected an input [N, C, H, W] and a weight [O, C, height, width]",
    );
  });
});
