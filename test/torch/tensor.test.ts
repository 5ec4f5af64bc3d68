import { describe, expect, test } from "vitest";
import {
  add,
  addScalar,
  arange,
  backward,
  conv2d,
  crossEntropy,
  grad,
  inferenceMode,
  keep,
  liveTensors,
  manualSeed,
  mul,
  noGrad,
  ones,
  operator,
  parameter,
  randn,
  relu,
  scope,
  sum,
  type Tensor,
  TorchError,
  tensor,
  UseAfterDisposeError,
  zeros,
} from "../../src/torch/index.ts";
import { collectGarbage } from "../garbage.ts";

describe("conversion", () => {
  test("keeps the type and the elements of a typed array", () => {
    const arrays = [
      new Float32Array([1.5, -2]),
      new Float64Array([1e300, 2]),
      new Int32Array([-7, 8]),
      new BigInt64Array([-(2n ** 62n), 3n]),
      new Uint8Array([0, 255]),
      new Int8Array([-128, 127]),
      new Int16Array([-300, 300]),
    ];
    for (const array of arrays) expect(tensor(array).toTypedArray()).toEqual(array);
  });

  test("gives a plain array float32 and the shape asked for", () => {
    const t = tensor([1, 2, 3, 4, 5, 6], { shape: [2, 3] });
    expect([t.dtype, t.shape, t.numbers()]).toEqual(["float32", [2, 3], [1, 2, 3, 4, 5, 6]]);
  });

  test("reads a view of a larger buffer, and gives elements in row-major order", () => {
    const view = new Float32Array([9, 1, 2, 3, 4]).subarray(1);
    const transposed = operator("aten::t")(tensor(view, { shape: [2, 2] }));
    expect(transposed.numbers()).toEqual([1, 3, 2, 4]);
  });

  test("rounds to bfloat16 as IEEE 754 does and reads it back as float32", () => {
    const t = tensor([1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, Math.PI]).to({ dtype: "bfloat16" });
    expect(t.numbers()).toEqual([1, 1, 1 + 2 ** -6, 3.140625]);
  });

  test("refuses a shape that the elements do not fill", () => {
    expect(() => tensor([1, 2, 3], { shape: [2, 2] })).toThrow(/expected 32 bytes.*received 24/);
  });

  test("handles empty tensors and scalars", () => {
    expect(zeros([0, 3]).numbers()).toEqual([]);
    expect(tensor([4], { shape: [] }).item()).toBe(4);
  });
});

describe("operator", () => {
  test("fills defaults, converts lists, and returns several tensors", () => {
    const split = operator<Tensor[]>("aten::split.Tensor");
    expect(split(arange(0, 5), 2).map((t) => t.numbers())).toEqual([[0, 1], [2, 3], [4]]);
    const max = operator<[Tensor, Tensor]>("aten::max.dim");
    const [values, indices] = max(tensor([1, 7, 3, 9, 2, 5], { shape: [2, 3] }), 1);
    expect([values.numbers(), indices.numbers()]).toEqual([
      [7, 9],
      [1, 0],
    ]);
  });

  test("keeps integer tensors integer under whole numbers", () => {
    expect(addScalar(arange(0, 3), 2).dtype).toBe("int64");
    expect(addScalar(arange(0, 3), 2.5).dtype).toBe("float32");
  });

  test("takes optional tensors in lists", () => {
    const index = operator("aten::index.Tensor");
    const t = tensor([1, 2, 3, 4, 5, 6], { shape: [2, 3] });
    expect(index(t, [null, tensor(new BigInt64Array([2n, 0n]))]).numbers()).toEqual([3, 1, 6, 4]);
  });

  test("names the operator when libtorch refuses", () => {
    expect(() => add(zeros([2, 3]), zeros([4, 5]))).toThrow(TorchError);
    expect(() => add(zeros([2, 3]), zeros([4, 5]))).toThrow(/aten::add\.Tensor.*size/s);
    expect(() => operator("aten::no_such_operator")()).toThrow(/no_such_operator/);
  });

  test("names the argument of the wrong kind, and refuses too many", () => {
    const t = zeros([2]);
    expect(() => operator("aten::relu")("text")).toThrow(/expected a tensor.*"self"/);
    expect(() => operator("aten::sum.dim_IntList")(t, 0)).toThrow(/array of integers.*"dim"/);
    expect(() => operator("aten::relu")(t, t)).toThrow(/takes 1 arguments, received 2/);
  });
});

describe("lifetimes", () => {
  test("frees what a scope made, except what it returns or keeps", () => {
    const before = liveTensors();
    let inner: Tensor | undefined;
    let kept: Tensor | undefined;
    const result = scope(() => {
      inner = zeros([3]);
      kept = keep(ones([2]));
      return { list: [add(inner, inner)], map: new Map([["a", ones([1])]]) };
    });
    expect(liveTensors() - before).toBe(3);
    expect(inner?.isDisposed).toBe(true);
    expect(kept?.numbers()).toEqual([1, 1]);
    expect(result.list[0]?.numbers()).toEqual([0, 0, 0]);
    for (const t of [...result.list, ...result.map.values(), kept as Tensor]) t.dispose();
    expect(liveTensors()).toBe(before);
  });

  test("passes a returned tensor on to the enclosing scope", () => {
    const before = liveTensors();
    scope(() => {
      scope(() => zeros([1]));
      expect(liveTensors()).toBe(before + 1);
    });
    expect(liveTensors()).toBe(before);
  });

  test("frees everything when the body throws", () => {
    const before = liveTensors();
    expect(() =>
      scope(() => {
        zeros([2]);
        throw new Error("stop");
      }),
    ).toThrow("stop");
    expect(liveTensors()).toBe(before);
  });

  test("refuses a tensor that was disposed", () => {
    const t = zeros([1]);
    t.dispose();
    t.dispose();
    expect(() => t.item()).toThrow(UseAfterDisposeError);
    expect(() => relu(t)).toThrow(UseAfterDisposeError);
  });

  test("leaves tensors without a scope to the garbage collector", async () => {
    const before = await collectGarbage();
    for (let i = 0; i < 1000; i++) zeros([1000]);
    expect(liveTensors()).toBeGreaterThan(before);
    expect(await collectGarbage()).toBeLessThan(before + 10);
  });
});

describe("autograd", () => {
  test("accumulates gradients in leaves", () => {
    const w = parameter(tensor([2, 3]));
    backward(sum(mul(w, w)));
    backward(sum(w));
    expect(w.grad?.numbers()).toEqual([5, 7]);
  });

  test("gives zeros for an input that nothing depends on", () => {
    const [a, b] = [parameter(tensor([2])), parameter(tensor([3]))];
    const gradients = grad([sum(mul(a, a))], [a, b]);
    expect(gradients.map((g) => g.numbers())).toEqual([[4], [0]]);
  });

  test("records nothing in noGrad and in inference mode", () => {
    const w = parameter(tensor([2]));
    expect(noGrad(() => mul(w, w)).requiresGrad).toBe(false);
    const frozen = inferenceMode(() => mul(w, w));
    expect(frozen.requiresGrad).toBe(false);
    expect(mul(w, w).requiresGrad).toBe(true);
  });

  test("restores the mode when the body throws", () => {
    const w = parameter(tensor([2]));
    expect(() =>
      noGrad(() => {
        throw new Error("stop");
      }),
    ).toThrow("stop");
    expect(mul(w, w).requiresGrad).toBe(true);
  });

  test("agrees with finite differences through a convolution and cross entropy", () => {
    manualSeed(3);
    const x = randn([2, 3, 5, 5], { dtype: "float64" });
    const w = parameter(randn([4, 3, 3, 3], { dtype: "float64" }));
    const labels = tensor(new BigInt64Array([1n, 3n]));
    const loss = () =>
      crossEntropy(operator("aten::mean.dim")(relu(conv2d(x, w)), [2, 3], false), labels, 0.1);
    backward(loss());
    const gradient = w.grad?.numbers() as number[];
    const values = w.numbers();
    for (const i of [0, 17, 53, 107]) {
      const at = (delta: number) =>
        noGrad(() => {
          const moved = Float64Array.from(values, (v, j) => (j === i ? v + delta : v));
          operator("aten::copy_")(w, tensor(moved, { shape: w.shape }));
          return loss().item();
        });
      expect((at(1e-5) - at(-1e-5)) / 2e-5).toBeCloseTo(gradient[i] as number, 7);
    }
  });

  test("passes gradients through casts", () => {
    const w = parameter(tensor([1.5, 2.5]));
    backward(sum(mul(w.to({ dtype: "bfloat16" }), tensor([2, 4]).to({ dtype: "bfloat16" }))));
    expect(w.grad?.numbers()).toEqual([2, 4]);
    expect(w.grad?.dtype).toBe("float32");
  });
});

describe("random numbers", () => {
  test("repeat with the seed and differ without", () => {
    const draw = (seed: number) => {
      manualSeed(seed);
      return randn([8]).numbers();
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });
});
