import { describe, expect, test } from "vitest";
import {
  AdamW,
  backward,
  liveTensors,
  mul,
  type Optimizer,
  parameter,
  SGD,
  sum,
  type Tensor,
  tensor,
} from "../../src/torch/index.ts";

// Minimises the sum of c * w * w, whose gradient is 2 * c * w.
const curvature = [1, 0.5, 3];

function descend(make: (w: Tensor) => Optimizer, steps: number): number[] {
  const w = parameter(tensor([1, -2, 0.5]));
  const optimizer = make(w);
  for (let i = 0; i < steps; i++) {
    optimizer.zeroGrad();
    backward(sum(mul(tensor(curvature), mul(w, w))));
    optimizer.step(i === 1 ? 0.5 : 1);
  }
  return w.numbers();
}

function reference(
  steps: number,
  update: (w: number, g: number, i: number, scale: number) => number,
) {
  const result: number[] = [];
  for (const [i, start] of [1, -2, 0.5].entries()) {
    let w = start;
    for (let step = 0; step < steps; step++) {
      w = update(w, 2 * (curvature[i] as number) * w, step, step === 1 ? 0.5 : 1);
      // update closes over per-element state through `step === 0`
    }
    result.push(w);
  }
  return result;
}

function expectClose(actual: number[], expected: number[]) {
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 6);
}

describe("SGD", () => {
  for (const nesterov of [false, true]) {
    test(`follows its definition ${nesterov ? "with" : "without"} Nesterov momentum`, () => {
      const [learningRate, momentum, weightDecay] = [0.05, 0.9, 0.01];
      let v = 0;
      const expected = reference(4, (w, g, step, scale) => {
        if (step === 0) v = 0;
        const decayed = g + weightDecay * w;
        v = momentum * v + decayed;
        return w - learningRate * scale * (nesterov ? decayed + momentum * v : v);
      });
      const actual = descend(
        (w) =>
          new SGD([{ parameters: new Map([["w", w]]), learningRate, weightDecay }], {
            momentum,
            nesterov,
          }),
        4,
      );
      expectClose(actual, expected);
    });
  }

  test("gives each group its own settings, and leaves parameters without gradient alone", () => {
    const [a, b, c] = [tensor([1]), tensor([1]), tensor([1])].map(parameter) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const optimizer = new SGD([
      { parameters: new Map([["a", a]]), learningRate: 0.1 },
      {
        parameters: new Map([
          ["b", b],
          ["c", c],
        ]),
        learningRate: 0.01,
        weightDecay: 1,
      },
    ]);
    backward(sum(mul(a, b)));
    optimizer.step();
    expectClose([a.item(), b.item(), c.item()], [0.9, 0.98, 1]);
  });
});

describe("AdamW", () => {
  test("follows algorithm 2 of Loshchilov and Hutter", () => {
    const [learningRate, weightDecay, beta1, beta2] = [0.01, 0.1, 0.9, 0.999];
    let [m, v] = [0, 0];
    const expected = reference(5, (w, g, step, scale) => {
      if (step === 0) [m, v] = [0, 0];
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g * g;
      const mean = m / (1 - beta1 ** (step + 1));
      const square = v / (1 - beta2 ** (step + 1));
      const rate = learningRate * scale;
      return w * (1 - rate * weightDecay) - (rate * mean) / (Math.sqrt(square) + 1e-8);
    });
    const actual = descend(
      (w) => new AdamW([{ parameters: new Map([["w", w]]), learningRate, weightDecay }]),
      5,
    );
    expectClose(actual, expected);
  });
});

describe("memory", () => {
  test("a step leaves no tensor behind", () => {
    const w = parameter(tensor([1, 2]));
    const optimizer = new SGD([{ parameters: new Map([["w", w]]), learningRate: 0.1 }], {
      momentum: 0.9,
    });
    const step = () => {
      const loss = sum(mul(w, w));
      backward(loss);
      loss.dispose();
      optimizer.step();
      optimizer.zeroGrad();
    };
    step();
    const before = liveTensors();
    step();
    expect(liveTensors() - before).toBeLessThanOrEqual(1); // the product inside the loss awaits collection
  });
});
