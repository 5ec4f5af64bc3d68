// What the operators of a classifier are on rows, [batch, columns]. A rule gives false where its node has no
// such meaning.
import { attribute, attributeOrInput, fromFront } from "../attributes.ts";
import { elementCount, type Node } from "../graph.ts";
import { isLinearLayer } from "../obstacles.ts";
import { passing, reshaping } from "../traits.ts";
import { isDilated } from "../window.ts";
import type { Head, Row } from "./head.ts";
import {
  type Affine,
  affineOfBatchNorm,
  afterAffine,
  beforeAffine,
  joinAffine,
  joinLayers,
  type Linear,
} from "./linearLayers.ts";

type Rule = (node: Node, head: Head) => boolean;

/** Pooling of the whole map. */
const pooling =
  (pooled: "GlobalAveragePool" | "GlobalMaxPool"): Rule =>
  (node, head) => {
    const [x, y] = [node.inputs[0]!, node.outputs[0]!];
    const row = head.row(x);
    if (isDilated(node)) return false;
    if (row) {
      const isPixel = isOnePixel(head, x) && isReshaped(node, head);
      return isPixel && !countsPadding(node) && head.setRow(y, row);
    }
    return head.isMap(x) && isWhole(node, head) && head.flatten(y, pooled);
  };

/** Whether an average counts what lies around the map. */
function countsPadding(node: Node): boolean {
  const isPadded =
    attribute(node, "pads", "ints")?.some((pad) => pad !== 0) ||
    /^SAME/.test(attribute(node, "auto_pad", "string") ?? "");
  return isPadded && attribute(node, "count_include_pad", "int") === 1;
}

/** Whether a pooling window, or the axes of a reduction, take in the height and width of the map. */
function isWhole(node: Node, head: Head): boolean {
  const [x, y] = [head.shape(node.inputs[0]!), head.shape(node.outputs[0]!)];
  if (node.outputs.length > 1) return false;
  if (node.operator.startsWith("Global")) return true;
  if (node.operator.startsWith("Reduce")) {
    const axes = attributeOrInput(node, { name: "axes", type: "ints", input: 1 }, head.graph) ?? [];
    const counted = axes.map((axis) => fromFront(axis, x.length)).toSorted();
    return String(counted) === "2,3";
  }
  const isPadded = attribute(node, "pads", "ints")?.some((size) => size !== 0) ?? false;
  const kernel = attribute(node, "kernel_shape", "ints");
  return (
    String(kernel) === String(x.slice(2)) && !isPadded && y.slice(2).every((size) => size === 1)
  );
}

/** What only arranges the numbers of an image otherwise. */
const arranging: Rule = (node, head) => {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!];
  const row = head.row(x);
  if (!isReshaped(node, head)) return false;
  if (row) return head.setRow(y, row);
  return head.isMap(x) && head.shape(y).length === 2 && head.flatten(y);
};

/** Whether a node's result holds as many numbers for as many images. */
function isReshaped(node: Node, head: Head): boolean {
  const [x, y] = [head.shape(node.inputs[0]!), head.shape(node.outputs[0]!)];
  return node.outputs.length === 1 && y[0] === x[0] && elementCount(x) === elementCount(y);
}

const convolution: Rule = (node, head) => {
  const [x, weightName, biasName] = node.inputs as [string, string, string?];
  if (!isLinearLayer(node, head.facts)) return false;
  const weight = head.constant(weightName);
  const bias = biasName ? head.constant(biasName) : [];
  if (!weight || !bias) return false;
  const [outputs, inputsOfGroup, ...kernel] = head.shape(weightName) as [
    number,
    number,
    ...number[],
  ];
  const inputs = head.shape(x)[1]! * elementCount(kernel);
  const groups = attribute(node, "group", "int") ?? 1;
  const dense =
    groups === 1 ? Float64Array.from(weight) : spread(weight, { outputs, inputsOfGroup, groups });
  if (!head.row(x) && !(head.isMap(x) && head.flatten(x))) return false;
  return linear(node, head, { inputs, weight: dense, bias: padded(bias, outputs) });
};

/** The weights [outputs, inputs] of a grouped 1x1 convolution's [outputs, inputs / groups]. */
function spread(
  weight: readonly number[],
  options: { outputs: number; inputsOfGroup: number; groups: number },
): Float64Array {
  const { outputs, inputsOfGroup, groups } = options;
  const dense = new Float64Array(outputs * inputsOfGroup * groups);
  for (let row = 0; row < outputs; row++) {
    const group = Math.floor((row * groups) / outputs);
    for (let i = 0; i < inputsOfGroup; i++) {
      const column = group * inputsOfGroup + i;
      dense[row * inputsOfGroup * groups + column] = weight[row * inputsOfGroup + i]!;
    }
  }
  return dense;
}

const product: Rule = (node, head) => {
  const [x, weightName, biasName] = node.inputs as [string, string, string?];
  const isGemm = node.operator === "Gemm";
  const weight = head.constant(weightName);
  const bias = biasName ? head.constant(biasName) : [];
  const shape = head.shape(weightName);
  if (!weight || !bias || shape.length !== 2 || attribute(node, "transA", "int")) return false;
  const isTransposed = isGemm && (attribute(node, "transB", "int") ?? 0) !== 0;
  const [inputs, outputs] = (isTransposed ? shape.toReversed() : shape) as [number, number];
  const [alpha, beta] = ["alpha", "beta"].map((name) => attribute(node, name, "float") ?? 1);
  if (head.shape(x).at(-1) !== inputs) return false;
  if (bias.length > 1 && bias.length !== outputs) return false;
  const values = new Float64Array(weight.length);
  for (let row = 0; row < outputs; row++) {
    for (let i = 0; i < inputs; i++) {
      const from = isTransposed ? row * inputs + i : i * outputs + row;
      values[row * inputs + i] = alpha! * weight[from]!;
    }
  }
  const shift = padded(bias, outputs).map((value) => beta! * value);
  return linear(node, head, { inputs, weight: values, bias: shift });
};

function linear(node: Node, head: Head, layer: Linear): boolean {
  const row = head.row(node.inputs[0]!);
  if (row?.columns !== layer.inputs) return false;
  const columns = layer.bias.length;
  const isSole = head.isReadOnce(node.inputs[0]!);
  const own = row.affine ? afterAffine(layer, row.affine) : layer;
  const [y] = node.outputs as [string];
  // Of two layers one after the other the narrow one in between may go: it is the logit of two classes.
  if (row.layer && isSole && row.columns === 1) {
    const joined = { input: row.layer.input, linear: joinLayers(row.layer.linear, own) };
    return head.setRow(y, { name: y, columns, layer: joined });
  }
  const input = row.affine ? row.name : head.settled(row);
  return head.setRow(y, { name: y, columns, layer: { input, linear: own } });
}

/** A sum or product with a constant for each column. */
const arithmetic: Rule = (node, head) => {
  const [a, b] = node.inputs as [string, string];
  const [first, second] = [head.row(a), head.row(b)];
  if (first && second) return ofRows(node, head);
  const row = first ?? second;
  const values = head.constant(first ? b : a);
  if (!row || !values || (values.length !== 1 && values.length !== row.columns)) return false;
  const from = first ? a : b;
  if (String(head.shape(from)) !== String(head.shape(node.outputs[0]!))) return false;
  const constant = padded(values, row.columns);
  const affine = affineOf(node.operator, { constant, isFirst: first !== undefined });
  return affine !== undefined && scaled(node, head, { row, affine, from });
};

function affineOf(
  operator: string,
  { constant, isFirst }: { constant: Float64Array; isFirst: boolean },
): Affine | undefined {
  const all = (value: number) => new Float64Array(constant.length).fill(value);
  switch (operator) {
    case "Add":
      return { scale: all(1), shift: constant };
    case "Sub":
      if (!isFirst) return { scale: all(-1), shift: constant };
      return { scale: all(1), shift: constant.map((value) => -value) };
    case "Mul":
      return { scale: constant, shift: all(0) };
    case "Div":
      return isFirst ? { scale: constant.map((value) => 1 / value), shift: all(0) } : undefined;
    default:
      return undefined;
  }
}

const batchNorm: Rule = (node, head) => {
  const row = head.row(node.inputs[0]!);
  const affine = affineOfBatchNorm(node, head.graph);
  const isPlain = isOnePixel(head, node.inputs[0]!) && node.outputs.length === 1;
  if (!isPlain || !row || affine?.scale.length !== row.columns) return false;
  return scaled(node, head, { row, affine, from: node.inputs[0]! });
};

/** A scale and shift goes into the layer before it, or waits for the one behind it. */
function scaled(
  node: Node,
  head: Head,
  { row, affine, from }: { row: Row; affine: Affine; from: string },
): boolean {
  const [y] = node.outputs as [string];
  if (row.layer && head.isReadOnce(from)) {
    const layer = { ...row.layer, linear: beforeAffine(row.layer.linear, affine) };
    return head.setRow(y, { ...row, name: y, layer });
  }
  const name = row.affine ? row.name : head.settled(row);
  const joined = joinAffine(row.affine, affine);
  return head.setRow(y, { name, columns: row.columns, affine: joined });
}

/** Operators that treat every number alike. */
const elementwise: Rule = (node, head) => {
  const [x, ...settings] = node.inputs as [string, ...string[]];
  const row = head.row(x);
  if (!row || settings.length > 0 || node.outputs.length > 1) return false;
  const inputs = [head.settled(row)];
  return head.apply(node.outputs[0]!, row.columns, { ...node, inputs });
};

const clip: Rule = (node, head) => {
  const row = head.row(node.inputs[0]!);
  if (!row) return false;
  const bounds = (["min", "max"] as const).map((name, i) => {
    const given = attributeOrInput(node, { name, type: "float", input: i + 1 }, head.graph);
    if (given) return given.length === 1 ? head.scalar(given[0]!) : undefined;
    return node.inputs[i + 1] ? undefined : "";
  });
  if (bounds.includes(undefined)) return false;
  const inputs = [head.settled(row), ...(bounds as string[])];
  return head.apply(node.outputs[0]!, row.columns, { operator: "Clip", inputs, attributes: {} });
};

const softmax: Rule = (node, head) => {
  const x = node.inputs[0]!;
  const row = head.row(x);
  const rank = head.shape(x).length;
  const axis = attribute(node, "axis", "int");
  const isOverColumns = rank === 2 ? axis === undefined || axis === 1 || axis === -1 : axis === 1;
  if (!row || !isOverColumns || !isOnePixel(head, x)) return false;
  const attributes = { axis: { type: "int", value: 1 } } as const;
  const inputs = [head.settled(row)];
  return head.apply(node.outputs[0]!, row.columns, { operator: node.operator, inputs, attributes });
};

function ofRows(node: Node, head: Head): boolean {
  const rows = node.inputs.map((name) => head.row(name));
  const [columns] = rows.map((row) => row?.columns);
  const shapes = node.inputs.map((name) => String(head.shape(name)));
  if (columns === undefined || !rows.every((row) => row?.columns === columns)) return false;
  if (shapes.some((shape) => shape !== shapes[0])) return false;
  const inputs = rows.map((row) => head.settled(row!));
  return head.apply(node.outputs[0]!, columns, { ...node, inputs });
}

/** Whether a tensor has its columns at axis 1 and nothing behind them. */
function isOnePixel(head: Head, name: string): boolean {
  const [, , ...sizes] = head.shape(name);
  return sizes.every((size) => size === 1);
}

const rules: readonly (readonly [Rule, readonly string[]])[] = [
  [pooling("GlobalAveragePool"), ["GlobalAveragePool", "AveragePool", "ReduceMean"]],
  [pooling("GlobalMaxPool"), ["GlobalMaxPool", "MaxPool", "ReduceMax"]],
  [arranging, [...passing, ...reshaping]],
  [convolution, ["Conv"]],
  [product, ["Gemm", "MatMul"]],
  [arithmetic, ["Add", "Sub", "Mul", "Div"]],
  [batchNorm, ["BatchNormalization"]],
  [
    elementwise,
    ["Relu", "Sigmoid", "Tanh", "HardSwish", "HardSigmoid", "LeakyRelu", "Elu", "Selu"],
  ],
  [clip, ["Clip"]],
  [softmax, ["Softmax", "LogSoftmax"]],
];

/** Rules by operator. */
export const headRules: ReadonlyMap<string, Rule> = new Map(
  rules.flatMap(([rule, operators]) => operators.map((operator) => [operator, rule] as const)),
);

/** So many values: the one for each where there is but one, 0 where there is none. */
function padded(values: readonly number[], count: number): Float64Array {
  if (values.length === count) return Float64Array.from(values);
  return new Float64Array(count).fill(values[0] ?? 0);
}
