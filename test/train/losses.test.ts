import { describe, expect, test } from "vitest";
import { noLabel } from "../../src/data/index.ts";
import { normal } from "../../src/graph/random.ts";
import { backward, parameter, scope, type Tensor, tensor } from "../../src/torch/index.ts";
import {
  distillationLoss,
  featureLoss,
  labelLoss,
  linearDecay,
  totalLoss,
} from "../../src/train/index.ts";

const [images, classes] = [3, 5];

/** Rows of logits, and the same as float64 for slopes. */
function drawn(name: string, count = images * classes): number[] {
  return [...normal({ seed: 1, name }, count)].map((value) => 2 * value);
}

function double(values: readonly number[], shape: readonly number[]): Tensor {
  return tensor(values, { shape, dtype: "float64" });
}

function softmax(row: readonly number[]): number[] {
  const sum = row.reduce((total, value) => total + Math.exp(value), 0);
  return row.map((value) => Math.exp(value) / sum);
}

function rows(values: readonly number[]): number[][] {
  return Array.from({ length: images }, (_, i) => values.slice(i * classes, (i + 1) * classes));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Compares a loss's gradient with finite differences at every element. */
function expectGradient(loss: (x: Tensor) => Tensor, values: readonly number[], shape: number[]) {
  const at = (changed: readonly number[]) => scope(() => loss(double(changed, shape)).item());
  const gradient = scope(() => {
    const x = parameter(double(values, shape));
    backward(loss(x));
    return x.grad!.numbers();
  });
  const step = 1e-5;
  values.forEach((value, i) => {
    const [ahead, behind] = [step, -step].map((s) => at(values.with(i, value + s)));
    expect(gradient[i]).toBeCloseTo((ahead! - behind!) / (2 * step), 7);
  });
  expect(Math.max(...gradient.map(Math.abs))).toBeGreaterThan(1e-3);
}

describe("the feature loss", () => {
  const shape = [2, 2, 1, 2];
  const original = [1, 5, -3, 2, 0, 4, 4, -1];
  const average = mean(original);
  const variance = mean(original.map((value) => (value - average) ** 2));

  test("is 0 for the original's map and 1 for the best constant one", () => {
    const target = double(original, shape);
    expect(featureLoss(target, target).item()).toBe(0);
    const constant = (value: number) =>
      double(
        original.map(() => value),
        shape,
      );
    expect(featureLoss(constant(average), target).item()).toBeCloseTo(1, 12);
    for (const other of [average - 0.1, average + 0.1]) {
      expect(featureLoss(constant(other), target).item()).toBeGreaterThan(1);
    }
  });

  test("is the mean squared error over the variance, whatever the scale", () => {
    const map = [2, 5, -3, 0, 0, 4, 1, -1];
    const error = mean(map.map((value, i) => (value - original[i]!) ** 2));
    for (const scale of [1, 100]) {
      const [a, b] = [map, original].map((values) =>
        double(
          values.map((v) => scale * v),
          shape,
        ),
      );
      expect(featureLoss(a!, b!).item()).toBeCloseTo(error / variance, 12);
    }
  });

  test("has the gradient that finite differences show", () => {
    expectGradient((x) => featureLoss(x, double(original, shape)), drawn("features", 8), shape);
  });
});

describe("the distillation loss", () => {
  const shape = [images, classes];
  const [student, teacher] = [drawn("student"), drawn("teacher")];

  test("is 0 for equal logits, and for logits that differ by a constant", () => {
    const target = double(teacher, shape);
    expect(distillationLoss(target, target, 4).item()).toBe(0);
    const shifted = double(
      teacher.map((value) => value + 3),
      shape,
    );
    expect(distillationLoss(shifted, target, 4).item()).toBeCloseTo(0, 12);
  });

  test.each([1, 4])("is T² times the divergence of the softened predictions, T = %d", (t) => {
    const soften = (values: readonly number[]) =>
      rows(values).map((row) => softmax(row.map((value) => value / t)));
    const [p, q] = [soften(teacher), soften(student)];
    const divergence = p.map((row, i) =>
      row.reduce((sum, value, k) => sum + value * Math.log(value / q[i]![k]!), 0),
    );
    const loss = distillationLoss(double(student, shape), double(teacher, shape), t);
    expect(loss.item()).toBeCloseTo(t ** 2 * mean(divergence), 12);
  });

  test("has the gradient that finite differences show", () => {
    expectGradient((x) => distillationLoss(x, double(teacher, shape), 4), student, shape);
  });
});

describe("the label loss", () => {
  const values = drawn("logits");
  const labels = [4, 0, 2];
  const logarithms = rows(values).map((row) => softmax(row).map(Math.log));

  test.each([0, 0.1])("is the cross entropy, smoothed by %d", (smoothing) => {
    const expected = logarithms.map(
      (row, i) => -(1 - smoothing) * row[labels[i]!]! - smoothing * mean(row),
    );
    const targets = tensor(labels, { dtype: "int64" });
    const loss = labelLoss(
      tensor(values, { shape: [images, classes] }),
      { labels: targets },
      smoothing,
    );
    expect(loss.item()).toBeCloseTo(mean(expected), 5);
  });
});

test("the label loss counts an image without a label as 0", () => {
  const values = drawn("logits");
  const logarithms = rows(values).map((row) => softmax(row).map(Math.log));
  const loss = (labels: readonly number[]) =>
    labelLoss(tensor(values, { shape: [images, classes] }), {
      labels: tensor(labels, { dtype: "int64" }),
      isPartlyLabelled: true,
    }).item();
  expect(loss([4, noLabel, 2])).toBeCloseTo((-logarithms[0]![4]! - logarithms[2]![2]!) / 3, 5);
  expect(loss([noLabel, noLabel, noLabel])).toBe(0);
});

test("the label loss of mixed images counts each label by its share", () => {
  const logits = double(drawn("logits"), [images, classes]);
  const [labels, others] = [
    [4, 0, 2],
    [1, 0, 3],
  ].map((each) => tensor(each, { dtype: "int64" }));
  const mixed = { labels: others!, share: 0.7 };
  for (const smoothing of [0, 0.2]) {
    const [first, second] = [labels!, others!].map((each) =>
      labelLoss(logits, { labels: each }, smoothing).item(),
    );
    const loss = labelLoss(logits, { labels: labels!, mixed }, smoothing).item();
    expect(loss).toBeCloseTo(0.7 * first! + 0.3 * second!, 12);
    expect(Math.abs(first! - second!)).toBeGreaterThan(0.01);
  }
});

test("the total is the weighted sum", () => {
  const terms = [
    { name: "a", weight: 0.5, value: tensor([3], { shape: [] }) },
    { name: "b", weight: 2, value: tensor([0.25], { shape: [] }) },
  ];
  expect(totalLoss(terms).item()).toBe(2);
});

describe("linearDecay", () => {
  test("falls from 1 to 0", () => {
    const schedule = linearDecay();
    expect([0, 0.25, 0.5, 1].map(schedule)).toEqual([1, 0.75, 0.5, 0]);
  });

  test("rises from 0 first, where it warms up", () => {
    const schedule = linearDecay(0.2);
    const expected = [0, 0.5, 1, 0.5, 0];
    [0, 0.1, 0.2, 0.6, 1].forEach((progress, i) => {
      expect(schedule(progress)).toBeCloseTo(expected[i]!, 12);
    });
  });
});
