import { describe, expect, test } from "vitest";
import {
  add,
  backward,
  Muon,
  manualSeed,
  matmul,
  mul,
  mulScalar,
  operator,
  parameter,
  randn,
  sum,
  type Tensor,
  tensor,
  transpose,
} from "../../src/torch/index.ts";
import { orthogonalize } from "../../src/torch/muon.ts";

const singularValues = operator("aten::linalg_svdvals");
const frobenius = (w: Tensor) => Math.hypot(...w.numbers());

describe("orthogonalize", () => {
  for (const shape of [
    [16, 27],
    [48, 432],
    [60, 12],
  ]) {
    test(`brings the singular values of a ${shape.join("x")} matrix near 1`, () => {
      manualSeed(1);
      const values = singularValues(orthogonalize(randn(shape), 5), null).numbers();
      expect(Math.min(...values)).toBeGreaterThan(0.5);
      expect(Math.max(...values)).toBeLessThan(1.25);
    });
  }

  test("takes singular values through the polynomial, one by one", () => {
    const singular = [3, 1, 0.3, 0.001];
    const wide = tensor(
      singular.flatMap((value, row) =>
        Array.from({ length: 9 }, (_, i) => (i === row ? value : 0)),
      ),
      { shape: [4, 9] },
    );
    const norm = Math.hypot(...singular);
    const expected = singular.map((value) => {
      let x = value / norm;
      for (let i = 0; i < 4; i++) x = 3.4445 * x - 4.775 * x ** 3 + 2.0315 * x ** 5;
      return x;
    });
    const result = orthogonalize(wide, 4).numbers();
    expected.forEach((value, row) => {
      expect(result[10 * row]).toBeCloseTo(value, 5);
    });
    expect(Math.hypot(...result)).toBeCloseTo(Math.hypot(...expected), 5);
  });

  test("keeps the singular vectors: an orthogonal matrix stays itself but for scale", () => {
    const angle = 0.7;
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    const rotation = tensor([c, -s, s, c], { shape: [2, 2] });
    const product = matmul(orthogonalize(rotation, 5), transpose(rotation)).numbers();
    expect(product[1]).toBeCloseTo(0, 5);
    expect(product[0]).toBeCloseTo(product[3] as number, 5);
  });
});

describe("Muon", () => {
  function step(learningRate: number) {
    manualSeed(2);
    const w = parameter(randn([8, 4, 3, 3]));
    const before = w.detach().numbers();
    const gradient = randn([8, 4, 3, 3]);
    backward(sum(mul(w, gradient)));
    new Muon([{ parameters: new Map([["w", w]]), learningRate }], { iterations: 5 }).step();
    return { w, before, gradient: gradient.numbers() };
  }

  test("scales a weight to the norm sqrt(rows), keeping its direction", () => {
    const { w, before } = step(0);
    expect(frobenius(w)).toBeCloseTo(Math.sqrt(8), 4);
    const ratio = Math.sqrt(8) / Math.hypot(...before);
    for (const [i, value] of w.numbers().entries())
      expect(value).toBeCloseTo((before[i] as number) * ratio, 5);
  });

  test("moves against the gradient by a matrix of singular values near the learning rate", () => {
    const [{ w, gradient }, still] = [step(0.1), step(0).w];
    const difference = w.numbers().map((value, i) => value - (still.numbers()[i] as number));
    const alignment = difference.reduce((total, d, i) => total + d * (gradient[i] as number), 0);
    expect(alignment).toBeLessThan(0);
    const values = singularValues(tensor(difference, { shape: [8, 36] }), null).numbers();
    expect(Math.min(...values)).toBeGreaterThan(0.05);
    expect(Math.max(...values)).toBeLessThan(0.125);
  });

  test("remembers earlier gradients by its momentum", () => {
    const w = parameter(randn([4, 9]));
    const optimizer = new Muon([{ parameters: new Map([["w", w]]), learningRate: 0.1 }], {
      momentum: 0.5,
    });
    const gradient = randn([4, 9]);
    for (let i = 0; i < 2; i++) {
      optimizer.zeroGrad();
      backward(sum(mul(w, gradient)));
      optimizer.step();
    }
    const expected = mulScalar(gradient, 1.5).numbers();
    const velocity = (optimizer.state.get("momentum.w") as Tensor).numbers();
    for (const [i, value] of velocity.entries())
      expect(value).toBeCloseTo(expected[i] as number, 5);
  });

  test("looks ahead as Nesterov does, by default with momentum 0.6 and four turns", () => {
    manualSeed(3);
    const w = parameter(randn([4, 9]));
    const optimizer = new Muon([{ parameters: new Map([["w", w]]), learningRate: 0.1 }]);
    const [first, second] = [randn([4, 9]), randn([4, 9])];
    const step = (gradient: Tensor) => {
      optimizer.zeroGrad();
      backward(sum(mul(w, gradient)));
      optimizer.step();
    };
    step(first);
    const before = w.detach().numbers();
    step(second);
    // v = 0.6 first + second, and the step goes along second + 0.6 v.
    const direction = add(mulScalar(first, 0.36), mulScalar(second, 1.6));
    const update = orthogonalize(direction, 4).numbers();
    const ratio = 2 / Math.hypot(...before);
    for (const [i, value] of w.numbers().entries()) {
      expect(value).toBeCloseTo(ratio * before[i]! - 0.1 * update[i]!, 5);
    }
  });
});
