import { describe, expect, test } from "vitest";
import {
  backward,
  type DType,
  full,
  manualSeed,
  mul,
  ones,
  operator,
  parameter,
  randn,
  relu,
  sum,
  type Tensor,
  tensor,
  trainingBatchNorm,
  zeros,
} from "../../src/torch/index.ts";

const reference = operator<[Tensor, Tensor, Tensor]>("aten::native_batch_norm");

interface Run {
  y: number[];
  gradients: number[][];
  running: number[][];
}

function run(
  fused: boolean,
  options: { shape: number[]; withRelu: boolean; dtype: DType; mean: number },
): Run {
  const { shape, withRelu, dtype, mean } = options;
  manualSeed(7);
  const channels = shape[1] as number;
  const x = parameter(operator("aten::add.Scalar")(randn(shape), mean).to({ dtype }));
  const upstream = randn(shape).to({ dtype });
  const weight = parameter(randn([channels]));
  const bias = parameter(randn([channels]));
  const runningMean = zeros([channels]);
  const runningVariance = ones([channels]);
  const state = { weight, bias, runningMean, runningVariance, momentum: 0.3, epsilon: 1e-5 };
  let y: Tensor;
  if (fused) {
    y = trainingBatchNorm(x, state, withRelu);
  } else {
    const wide = x.to({ dtype: "float32" });
    const [out] = reference(wide, weight, bias, runningMean, runningVariance, true, 0.3, 1e-5);
    y = withRelu ? relu(out) : out;
  }
  backward(sum(mul(y.to({ dtype: "float32" }), upstream.to({ dtype: "float32" }))));
  return {
    y: y.numbers(),
    gradients: [x, weight, bias].map((t) => (t.grad as Tensor).numbers()),
    running: [runningMean.numbers(), runningVariance.numbers()],
  };
}

function largestDifference(a: number[], b: number[]) {
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number))));
}

describe("fused batch norm and ReLU", () => {
  test.each([true, false])("loses no NaN, with ReLU: %s", (withRelu) => {
    const [channels, area] = [16, 9];
    const values = new Array<number>(2 * channels * area).fill(1).map((_, i) => i % 7);
    values[3 * area] = Number.NaN;
    const x = tensor(values, { shape: [2, channels, 3, 3] });
    const vector = (value: number) => full([channels], value);
    const state = { weight: vector(1), bias: vector(0), momentum: 0.1, epsilon: 1e-5 };
    const running = { runningMean: vector(0), runningVariance: vector(1) };
    const y = trainingBatchNorm(x, { ...state, ...running }, withRelu).numbers();
    const broken = y.flatMap((value, i) => (Number.isNaN(value) ? [Math.floor(i / area)] : []));
    // All of the fourth channel, in both images, and nothing else.
    expect(new Set(broken)).toEqual(new Set([3, channels + 3]));
    expect(broken).toHaveLength(2 * area);
  });

  const shapes = [
    [4, 16, 9, 7],
    [2, 3, 20, 20],
    [3, 37, 1, 5],
    [1, 1, 30, 30],
  ];
  for (const shape of shapes) {
    for (const withRelu of [true, false]) {
      test(`agrees with libtorch on [${shape}] ${withRelu ? "with" : "without"} ReLU`, () => {
        const options = { shape, withRelu, dtype: "float32" as const, mean: 2 };
        const [fused, expected] = [run(true, options), run(false, options)];
        expect(largestDifference(fused.y, expected.y)).toBeLessThan(2e-5);
        for (const [i, gradient] of expected.gradients.entries()) {
          const scale = Math.max(1, ...gradient.map(Math.abs));
          const difference = largestDifference(fused.gradients[i] as number[], gradient);
          expect(difference / scale).toBeLessThan(2e-5);
        }
        for (const [i, vector] of expected.running.entries()) {
          expect(largestDifference(fused.running[i] as number[], vector)).toBeLessThan(1e-5);
        }
      });
    }
  }

  test("keeps its precision where the mean is far from zero", () => {
    const options = {
      shape: [4, 8, 16, 16],
      withRelu: false,
      dtype: "float32" as const,
      mean: 1000,
    };
    expect(largestDifference(run(true, options).y, run(false, options).y)).toBeLessThan(5e-3);
  });

  test("is within bfloat16's rounding of the float32 result", () => {
    const options = { shape: [4, 32, 8, 8], withRelu: true, dtype: "bfloat16" as const, mean: 0.5 };
    const [fused, expected] = [run(true, options), run(false, options)];
    const scale = Math.max(...expected.y);
    expect(largestDifference(fused.y, expected.y) / scale).toBeLessThan(2 ** -8);
    for (const [i, gradient] of expected.gradients.entries()) {
      const largest = Math.max(...gradient.map(Math.abs));
      expect(largestDifference(fused.gradients[i] as number[], gradient) / largest).toBeLessThan(
        2 ** -6,
      );
    }
  });

  test("refuses vectors of the wrong length", () => {
    const vector = zeros([3]);
    const state = {
      weight: vector,
      bias: vector,
      runningMean: vector,
      runningVariance: vector,
      momentum: 0.1,
      epsilon: 1e-5,
    };
    expect(() => trainingBatchNorm(zeros([1, 4, 2, 2]), state, true)).toThrow(
      /vectors of 4 channels/,
    );
  });
});
