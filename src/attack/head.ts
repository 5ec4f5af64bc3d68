// What a pirate leaves of a classifier: the features that its last linear layer reads, and that layer, which he draws
// anew for classes of his own.

import { Network } from "../engine/index.ts";
import { ModelError } from "../errors.ts";
import { int } from "../graph/attributes.ts";
import { GraphEdit } from "../graph/edit.ts";
import type { Graph } from "../graph/graph.ts";
import { operation } from "../graph/operation.ts";
import { uniform } from "../graph/random.ts";
import { cutGraph, endInLogits } from "../graph/rewrites.ts";
import { type Facts, inferShapes } from "../graph/shapes.ts";
import { fromFloat32 } from "../graph/tensorData.ts";
import { producers } from "../graph/topology.ts";
import { passing, reshaping } from "../graph/traits.ts";
import {
  grad,
  inferenceMode,
  parameter,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "../torch/index.ts";

/** Rows of a linear layer: weights [outputs, inputs] in row-major order, and biases. */
export interface Rows {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** A classifier without its last layer. */
export interface Beheaded {
  /** From images to features [batch, features]. */
  readonly body: Graph;
  readonly features: number;
  /** The layer that was there. */
  readonly head: Rows;
}

/** Operators between the last layer and the scores that leave a linear function of their first input linear. */
const affine = new Set([...passing, ...reshaping, "BatchNormalization", "Cast"]);
/** Those that do where all other inputs are constants. */
const affineWithConstants = new Set(["Add", "Sub", "Mul", "Div"]);
const layers = new Set(["Gemm", "MatMul", "Conv"]);

/**
 * Takes the last linear layer off; several in a row are one. Throws ModelError where the scores come from none.
 */
export function behead(graph: Graph): Beheaded {
  const logits = endInLogits(graph);
  const facts = inferShapes(logits);
  const tensorName = inputOfLastLayer(logits, facts);
  const [, features, ...sizes] = facts.get(tensorName)!.shape as [number, number, ...number[]];
  const { extractor: body, classifier: last } = cutGraph(logits, tensorName, facts);
  const head = rowsOf(last, [features, ...sizes]);
  return { body: sizes.length === 0 ? body : flattened(body), features, head };
}

/** The body with a linear layer of these rows behind it, which gives "logits". */
export function withHead({ body, features }: Beheaded, { weight, bias }: Rows): Graph {
  const classes = bias.length;
  const edit = new GraphEdit(body);
  const parameters = [
    edit.constant("head.weight", fromFloat32([classes, features], weight)),
    edit.constant("head.bias", fromFloat32([classes], bias)),
  ];
  const logits = edit.name("logits");
  const inputs = [body.outputs[0]!.name, ...parameters];
  const gemm = { ...operation("Gemm", inputs, logits, { transB: int(1) }), name: "head" };
  const batch = body.inputs[0]!.shape![0]!;
  return {
    ...edit.result([...body.nodes, gemm]),
    outputs: [{ name: logits, dtype: "float32", shape: [batch, classes] }],
  };
}

/** So many new rows for features, uniform within 1 / sqrt(features), as PyTorch's. */
export function drawRows(count: number, features: number, seed: number): Rows {
  const draw = (name: string, length: number) =>
    uniform({ seed, name: `attack/head/${name}` }, length).map(
      (u) => (2 * u - 1) / Math.sqrt(features),
    );
  return { weight: draw("weight", count * features), bias: draw("bias", count) };
}

/** The drawn rows with the first of them, up to `count`, as the file has them. */
export function extendRows(head: Rows, count: number, drawn: Rows): Rows {
  const features = head.weight.length / head.bias.length;
  const kept = Math.min(count, head.bias.length);
  const weight = Float32Array.from(drawn.weight);
  const bias = Float32Array.from(drawn.bias);
  weight.set(head.weight.subarray(0, kept * features));
  bias.set(head.bias.subarray(0, kept));
  return { weight, bias };
}

function inputOfLastLayer({ nodes, outputs, initializers }: Graph, facts: Facts): string {
  const made = producers({ nodes });
  let name = outputs[0]!.name;
  let found: string | undefined;
  for (;;) {
    const node = made.get(name);
    if (node?.domain !== "") break;
    const isLayer = layers.has(node.operator);
    const isJoin = isLayer || affineWithConstants.has(node.operator);
    if (!isJoin && !affine.has(node.operator)) break;
    const [input, ...others] = (isJoin ? node.inputs : node.inputs.slice(0, 1)).filter(
      (each) => made.has(each) && !initializers.has(each),
    );
    if (input === undefined || others.length > 0) break;
    name = input;
    if (!isLayer) continue;
    const [, features = 0, ...sizes] = facts.get(name)?.shape ?? [];
    if (features === 0 || sizes.some((size) => size !== 1)) break;
    found = name;
  }
  if (found === undefined) throw noLayer();
  return found;
}

/**
 * The rows of an affine function: what it gives for zeros, and what each feature changes in that, or the gradient of each
 * class, whichever are fewer.
 */
function rowsOf(last: Graph, shape: readonly [features: number, ...sizes: number[]]): Rows {
  using network = new Network(last);
  const bias = scope(() => floatsOf(inferenceMode(() => network.apply(zeros([1, ...shape])))));
  const find = shape[0] < bias.length ? changesOf : gradientsOf;
  return { weight: find(network, shape, bias), bias };
}

/** By what each feature changes. */
function changesOf(
  network: Network,
  [features, ...sizes]: readonly [number, ...number[]],
  bias: Float32Array,
): Float32Array {
  const units = tensor(identity(features), { shape: [features, features, ...sizes] });
  const results = scope(() => floatsOf(inferenceMode(() => network.apply(units))));
  units.dispose();
  const weight = new Float32Array(bias.length * features);
  for (let k = 0; k < bias.length; k++) {
    for (let i = 0; i < features; i++) {
      weight[k * features + i] = results[i * bias.length + k]! - bias[k]!;
    }
  }
  return weight;
}

/** By the gradient of each class: of each image one number counts, its own row's. */
function gradientsOf(
  network: Network,
  shape: readonly number[],
  { length: classes }: Float32Array,
): Float32Array {
  using inputs = scope(() => parameter(zeros([classes, ...shape])));
  return scope(() => {
    const outputs = network.apply(inputs);
    const own = tensor(identity(classes), { shape: outputs.shape });
    return floatsOf(grad([outputs], [inputs], [own])[0]!);
  });
}

function identity(size: number): Float32Array {
  return new Float32Array(size * size).map((_, i) => (i % (size + 1) === 0 ? 1 : 0));
}

function floatsOf(values: Tensor): Float32Array {
  return values.toTypedArray() as Float32Array;
}

function flattened(body: Graph): Graph {
  const edit = new GraphEdit(body);
  const [{ name, dtype, shape }] = body.outputs as [Graph["outputs"][number]];
  const rows = edit.name(`${name}.rows`);
  const flatten = operation("Flatten", [name], rows, { axis: int(1) });
  const node = { ...flatten, name: edit.name(`${name}.flatten`) };
  const outputs = [{ name: rows, dtype, shape: shape?.slice(0, 2) }];
  return { ...edit.result([...body.nodes, node]), outputs };
}

function noLayer(): ModelError {
  return new ModelError(
    "expected a classifier whose scores come from a linear layer over a row of features, which a pirate " +
      "replaces by one of his own; the model has none at its end",
  );
}
