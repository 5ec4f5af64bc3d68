// Which output of a classifier stands for which class, told from its answers to images with labels.
import { countEqual } from "./metrics.ts";

/** Answers of a classifier of so many outputs, and the classes that they should be. */
export interface Marked {
  readonly answers: Int32Array;
  readonly labels: Int32Array;
  readonly outputs: number;
}

/** Another order of the outputs. */
export interface FoundOrder {
  /** The output that stands for each class. */
  readonly order: readonly number[];
  /** The answers as classes, each by the order that images other than its own speak for. */
  readonly classes: Int32Array;
  /** Share of these that are right. */
  readonly accuracy: number;
}

/**
 * The order of the outputs that the images speak for, where it makes more than the share `gain` of them right.
 * So that no order fits chance alone, the gain is that of an order of half of each class's images on the other half.
 */
export function findOrder(marked: Marked, gain: number): FoundOrder | undefined {
  const { answers, labels, outputs } = marked;
  const halves = halvesOf(labels);
  const orders = [0, 1].map((half) => orderOf(marked, (image) => halves[image] === half));
  const [first, second] = orders.map((order) => inverse(order));
  const classes = answers.map((answer, image) => (halves[image] === 0 ? second : first)![answer]!);
  const accuracy = countEqual(classes, labels) / labels.length;
  if (accuracy <= countEqual(answers, labels) / labels.length + gain) return undefined;
  return { order: orderOf({ answers, labels, outputs }), classes, accuracy };
}

/** Whether an order can be told: most classes have an image to find it by and another one to judge it by. */
export function canTellOrder({ labels, outputs }: Pick<Marked, "labels" | "outputs">): boolean {
  const halves = halvesOf(labels);
  const told = new Set(labels.filter((_, image) => halves[image] === 1));
  return told.size > outputs / 2;
}

/** Which half of its class's images each is in: 0, 1, 0, ... by the occurrences of the label. */
function halvesOf(labels: Int32Array): Uint8Array {
  const next = new Map<number, number>();
  return Uint8Array.from(labels, (label) => {
    const half = next.get(label) ?? 0;
    next.set(label, 1 - half);
    return half;
  });
}

/**
 * The output of each class, one to one: first those that most images speak for, a class's own one before others of as
 * many images. A class without images has its own one where that is left.
 */
function orderOf(
  { answers, labels, outputs }: Marked,
  isCounted: (image: number) => boolean = () => true,
): number[] {
  const counts = new Map<number, number>();
  for (const [image, label] of labels.entries()) {
    const pair = label * outputs + answers[image]!;
    if (isCounted(image)) counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  const pairs = Array.from(counts, ([pair, count]) => {
    const [label, output] = [Math.floor(pair / outputs), pair % outputs];
    return { label, output, count, isOwn: label === output };
  });
  pairs.sort((a, b) => b.count - a.count || Number(b.isOwn) - Number(a.isOwn));
  const order = new Array<number>(outputs).fill(-1);
  const left = new Set(order.keys());
  const assign = (label: number, output: number) => {
    if (order[label] === -1 && left.delete(output)) order[label] = output;
  };
  for (const { label, output } of pairs) assign(label, output);
  for (const label of order.keys()) assign(label, label);
  for (const label of order.keys()) {
    for (const output of left) assign(label, output);
  }
  return order;
}

function inverse(order: readonly number[]): Int32Array {
  const labels = new Int32Array(order.length);
  for (const [label, output] of order.entries()) labels[output] = label;
  return labels;
}
