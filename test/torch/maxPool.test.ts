import { describe, expect, test } from "vitest";
import {
  backward,
  type DType,
  manualSeed,
  mul,
  noGrad,
  operator,
  parameter,
  randn,
  relu,
  sum,
  type Tensor,
  tensor,
} from "../../src/torch/index.ts";

const fused = operator("deepobf::max_pool");
const reference = operator("aten::max_pool2d");

interface Pooling {
  shape: number[];
  kernel: [number, number];
  stride: [number, number];
  padding: [number, number];
}

/** Maxima, with a gradient and without, and gradient, as float32; where `dtype` is bfloat16, of rounded inputs. */
function run(pool: (x: Tensor) => Tensor, shape: number[], dtype: DType) {
  manualSeed(3);
  // Zeros behind a ReLU are the ties of practice.
  const x = parameter(relu(randn(shape)).to({ dtype }).to({ dtype: "float32" }));
  const y = pool(x).to({ dtype: "float32" });
  const upstream = randn(y.shape).to({ dtype }).to({ dtype: "float32" });
  backward(sum(mul(y, upstream)));
  const alone = noGrad(() => pool(x).to({ dtype: "float32" }).numbers());
  return { shape: y.shape, y: y.numbers(), alone, gradient: (x.grad as Tensor).numbers() };
}

function compare({ shape, kernel, stride, padding }: Pooling, dtype: DType) {
  const expected = run((x) => reference(x, kernel, stride, padding), shape, dtype);
  const output = expected.shape.slice(2);
  const found = run((x) => fused(x.to({ dtype }), kernel, stride, padding, output), shape, dtype);
  expect(found.y).toEqual(expected.y);
  expect(found.alone).toEqual(expected.y);
  const precision = dtype === "bfloat16" ? 2 ** -8 : 1e-6;
  for (const [index, gradient] of expected.gradient.entries()) {
    const difference = Math.abs((found.gradient[index] as number) - gradient);
    expect(difference).toBeLessThanOrEqual(precision * Math.max(1, Math.abs(gradient)));
  }
}

describe("max pooling", () => {
  const poolings: Pooling[] = [
    { shape: [3, 24, 9, 7], kernel: [3, 3], stride: [1, 1], padding: [1, 1] },
    { shape: [2, 17, 12, 11], kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
    { shape: [2, 5, 8, 8], kernel: [2, 2], stride: [2, 2], padding: [0, 0] },
    { shape: [1, 40, 10, 6], kernel: [5, 2], stride: [3, 1], padding: [2, 0] },
    { shape: [2, 1, 2, 1], kernel: [3, 3], stride: [1, 1], padding: [1, 1] },
    { shape: [1, 3, 9, 9], kernel: [2, 3], stride: [4, 5], padding: [1, 0] },
  ];
  for (const pooling of poolings) {
    for (const dtype of ["float32", "bfloat16"] as const) {
      test(`agrees with libtorch: ${JSON.stringify(pooling)} in ${dtype}`, () => {
        compare(pooling, dtype);
      });
    }
  }

  test("hands on what is not a number, and gradients of nothing but minus infinity", () => {
    const size = [1, 1, 2, 3];
    const values = [Number.NaN, 1, 2, 1, 3, 4];
    const pooled = fused(tensor(values, { shape: size }), [2, 2], [1, 1], [0, 0], [1, 2]);
    expect(pooled.numbers()).toEqual([Number.NaN, 4]);
    const lowest = parameter(
      tensor(
        values.map(() => Number.NEGATIVE_INFINITY),
        { shape: size },
      ),
    );
    backward(sum(fused(lowest, [3, 3], [2, 2], [1, 1], [1, 2])));
    expect((lowest.grad as Tensor).numbers()).toEqual([1, 1, 0, 0, 0, 0]);
  });

  test("counts windows that reach beyond the input", () => {
    const x = tensor([1, 2, 3], { shape: [1, 1, 1, 3] });
    expect(fused(x, [1, 2], [1, 2], [0, 0], [1, 2]).numbers()).toEqual([2, 3]);
  });

  test("refuses other types", () => {
    const x = tensor([1], { shape: [1, 1, 1, 1] }).to({ dtype: "float64" });
    expect(() => fused(x, [1, 1], [1, 1], [0, 0], [1, 1])).toThrow(/float32 or bfloat16/);
  });
});
