// Type, shape and small constants of every tensor of a graph, found without running it. The rules
// stand in shapes/ by operator family, one exported function an operator, under the operator's name.
import { ModelError } from "../errors.ts";
import {
  describeNode,
  elementCount,
  type Graph,
  type Node,
  type TensorData,
  type ValueInfo,
} from "./graph.ts";
import * as activation from "./shapes/activation.ts";
import * as arithmetic from "./shapes/arithmetic.ts";
import {
  Call,
  DataDependent,
  facts,
  type Outputs,
  type ShapeRule,
  type TensorFacts,
} from "./shapes/call.ts";
import * as control from "./shapes/control.ts";
import * as convolution from "./shapes/convolution.ts";
import * as generation from "./shapes/generation.ts";
import * as indexing from "./shapes/indexing.ts";
import * as linear from "./shapes/linear.ts";
import * as logical from "./shapes/logical.ts";
import * as normalization from "./shapes/normalization.ts";
import * as pooling from "./shapes/pooling.ts";
import * as reduction from "./shapes/reduction.ts";
import * as resize from "./shapes/resize.ts";
import * as arrangement from "./shapes/shape.ts";

export type { TensorFacts } from "./shapes/call.ts";

/** A tensor with more elements is a mistake or an attack. */
const mostElements = 2 ** 31;

const rules: Readonly<Record<string, ShapeRule>> = {
  ...activation,
  ...arithmetic,
  ...arrangement,
  ...control,
  ...convolution,
  ...generation,
  ...indexing,
  ...linear,
  ...logical,
  ...normalization,
  ...pooling,
  ...reduction,
  ...resize,
};

/**
 * Facts of every tensor, by name. `inputs` gives shapes of graph inputs; where it is silent, the
 * shape is the declared one with 1 for an unknown batch size. Tensors whose shape depends on data,
 * and what operators without a rule compute, are absent. Throws ModelError where shapes contradict
 * each other, where an input's size is not known, and on a tensor of more than 2^31 elements.
 */
export function inferShapes(
  graph: Graph,
  inputs: Readonly<Record<string, readonly number[]>> = {},
): Map<string, TensorFacts> {
  const known = new Map<string, TensorFacts>();
  for (const info of graph.inputs) {
    const shape = concreteShape(info, inputs[info.name]);
    known.set(info.name, checkSize(facts(info.dtype, shape), `input "${info.name}"`));
  }
  inferInto(known, graph);
  return known;
}

/**
 * Name and shape of the graph's only input. `batch` fills in a first dimension without a size (1 if
 * omitted). Throws ModelError where there are more inputs, or other dimensions have no size, or the
 * batch size is fixed to another one.
 */
export function inputShape(graph: Graph, batch?: number): [name: string, shape: number[]] {
  const [input, ...others] = graph.inputs;
  if (!input || others.length > 0) {
    const names = graph.inputs.map(({ name }) => `"${name}"`).join(", ");
    throw new ModelError(`expected a model with one input, but it has ${names || "none"}`);
  }
  const shape = concreteShape(input);
  if (batch === undefined || typeof input.shape?.[0] === "string") {
    return [input.name, shape.with(0, batch ?? shape[0]!)];
  }
  if (shape[0] !== batch) {
    throw new ModelError(
      `input "${input.name}" has the fixed batch size ${shape[0]}, but ${batch} is needed: ` +
        "export the model with a dynamic batch size",
    );
  }
  return [input.name, shape];
}

function concreteShape({ name, shape }: ValueInfo, given?: readonly number[]): number[] {
  if (!shape) {
    if (given) return [...given];
    throw new ModelError(`input "${name}" has no shape`);
  }
  const declared = `input "${name}" [${shape.map((size) => (size === "" ? "?" : size)).join(", ")}]`;
  if (given) {
    const fits = shape.every((size, axis) => typeof size === "string" || size === given[axis]);
    if (fits && given.length === shape.length) return [...given];
    throw new ModelError(`${declared} cannot take a tensor of shape [${given.join(", ")}]`);
  }
  return shape.map((size, axis) => {
    if (typeof size === "number") return size;
    if (axis === 0) return 1;
    throw new ModelError(`${declared}: axis ${axis} has no fixed size`);
  });
}

function inferInto(known: Map<string, TensorFacts>, graph: Graph): void {
  for (const [name, value] of graph.initializers) known.set(name, constantFacts(value));
  for (const node of graph.nodes) inferNode(known, node, graph.opset);
}

/** Facts of a constant. */
export function constantFacts(value: TensorData): TensorFacts {
  return facts(value.dtype, value.shape, value);
}

/** Adds the facts of a node's outputs to those of the tensors before it. */
export function inferNode(known: Map<string, TensorFacts>, node: Node, opset: number): void {
  const outputs = applyRule(node, known, opset);
  node.outputs.forEach((name, index) => {
    const output = outputs[index];
    if (name !== "" && output) known.set(name, checkSize(output, describeNode(node)));
  });
}

function applyRule(node: Node, known: ReadonlyMap<string, TensorFacts>, opset: number): Outputs {
  const rule = node.domain === "" && Object.hasOwn(rules, node.operator) && rules[node.operator];
  if (!rule || node.inputs.some((name) => name !== "" && !known.has(name))) return [];
  const inputs = node.inputs.map((name) => known.get(name));
  const inferSubgraph = (subgraph: Graph) => {
    const inner = new Map(known);
    inferInto(inner, { ...subgraph, opset });
    return subgraph.outputs.map(({ name }) => inner.get(name));
  };
  try {
    return rule(new Call(node, { opset, inputs, inferSubgraph }));
  } catch (error) {
    if (error instanceof DataDependent) return [];
    throw error;
  }
}

function checkSize(output: TensorFacts, source: string): TensorFacts {
  const { shape } = output;
  const valid = shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (!valid || elementCount(shape) > mostElements) {
    throw new ModelError(
      `${source}: a tensor of shape [${shape.join(", ")}] is impossible or larger than 2^31 elements`,
    );
  }
  return output;
}
