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
import { expectNoneForFrozen } from "./frozen.ts";

const winograd = operator("deepobf::winograd");
const reference = operator("aten::convolution");

function convolution(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  return reference(x, weight, bias, [1, 1], [1, 1], [1, 1], false, [0, 0], 1);
}

interface Case {
  /** N, C, H, W. */
  readonly images: readonly [number, number, number, number];
  readonly outputs: number;
  readonly bias: boolean;
}

/** The output and the gradients of everything that has one. */
function run(convolve: typeof convolution, { images, outputs, bias }: Case): number[][] {
  manualSeed(3);
  const [, channels] = images;
  const x = parameter(randn(images));
  const weight = parameter(randn([outputs, channels, 3, 3]));
  const addend = bias ? parameter(randn([outputs])) : null;
  const y = convolve(x, weight, addend);
  backward(sum(mul(y, randn(y.shape))));
  return [y, x.grad!, weight.grad!, ...(addend ? [addend.grad!] : [])].map((each) =>
    each.numbers(),
  );
}

function expectAlike(found: number[], expected: number[]): void {
  expect(found.length).toBe(expected.length);
  const largest = (values: number[]) => values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const difference = largest(expected.map((value, i) => value - found[i]!));
  expect(difference / largest(expected)).toBeLessThan(3e-6);
}

describe("convolution by minimal filtering", () => {
  test.each<Case>([
    { images: [2, 16, 8, 8], outputs: 16, bias: false },
    { images: [3, 32, 7, 9], outputs: 48, bias: true },
    { images: [1, 48, 1, 1], outputs: 16, bias: true },
    { images: [5, 16, 2, 5], outputs: 112, bias: false },
    { images: [40, 176, 5, 6], outputs: 96, bias: true },
  ])("agrees with libtorch's, gradients too: %j", (given) => {
    const [found, expected] = [run(winograd, given), run(convolution, given)];
    expect(found.length).toBe(expected.length);
    found.forEach((values, i) => {
      expectAlike(values, expected[i]!);
    });
  });

  test("gives no gradients to what is frozen", () => {
    const tensors = { x: randn([2, 16, 4, 4]), weight: randn([16, 16, 3, 3]) };
    expectNoneForFrozen((x, weight) => winograd(x, weight, null), tensors);
  });

  test.each([
    [[1, 8, 4, 4], [16, 8, 3, 3], "C a multiple of 16"],
    [[1, 16, 4, 4], [8, 16, 3, 3], "O a multiple of 16"],
    [[1, 16, 4, 4], [16, 32, 3, 3], /weight \[O, 16, 3, 3\]/],
    [[1, 16, 4, 4], [16, 16, 5, 5], /weight \[O, 16, 3, 3\]/],
    [[16, 4, 4], [16, 16, 3, 3], /input \[N, C, H, W\]/],
  ])("refuses images %j with weights %j", (images, weights, message) => {
    expect(() => winograd(randn(images), randn(weights), null)).toThrow(message);
  });
});
