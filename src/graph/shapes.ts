// Type, shape and small constants of every tensor of a graph, found without running it. The rules
// stand in shapes/ by operator family, one exported function an operator, under the operator's name.
import { ModelError } from "../errors.ts";
import { Budget } from "./budget.ts";
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
import * as quantization from "./shapes/quantization.ts";
import * as reduction from "./shapes/reduction.ts";
import * as resize from "./shapes/resize.ts";
import * as arrangement from "./shapes/shape.ts";

export type { Facts, TensorFacts } from "./shapes/call.ts";

/** A tensor with more elements, or more axes, is a mistake or an attack. */
const [mostElements, mostAxes] = [2 ** 31, 64];

/** What looking at a node costs, and at each input and axis besides, in steps of the budget. */
const stepsPerNode = 8;

const rules: ReadonlyMap<string, ShapeRule> = new Map<string, ShapeRule>([
  ...Object.entries(activation),
  ...Object.entries(arithmetic),
  ...Object.entries(arrangement),
  ...Object.entries(control),
  ...Object.entries(convolution),
  ...Object.entries(generation),
  ...Object.entries(indexing),
  ...Object.entries(linear),
  ...Object.entries(logical),
  ...Object.entries(normalization),
  ...Object.entries(pooling),
  ...Object.entries(quantization),
  ...Object.entries(reduction),
  ...Object.entries(resize),
]);

/** Rules by the domain of the operators; ONNX Runtime's own are known where they are of quantized tensors. */
const rulesOf: ReadonlyMap<string, ReadonlyMap<string, ShapeRule>> = new Map([
  ["", rules],
  ["com.microsoft", new Map<string, ShapeRule>(Object.entries(quantization))],
]);

/** Facts by name: all of a graph, or those of a subgraph with the graph around it. */
type Known = Pick<Map<string, TensorFacts>, "get" | "has" | "set">;

/** What is known inside of a subgraph: its own tensors, and those around it. */
class InnerFacts implements Known {
  readonly #own = new Map<string, TensorFacts>();
  readonly #around: Known;

  constructor(around: Known) {
    this.#around = around;
  }

  get(name: string): TensorFacts | undefined {
    return this.#own.get(name) ?? this.#around.get(name);
  }

  has(name: string): boolean {
    return this.#own.has(name) || this.#around.has(name);
  }

  set(name: string, value: TensorFacts): Map<string, TensorFacts> {
    return this.#own.set(name, value);
  }
}

/**
 * Facts of every tensor, by name. `inputs` gives shapes of graph inputs; where it is silent, the
 * shape is the declared one with 1 for an unknown batch size. Tensors whose shape depends on data,
 * and what operators without a rule compute, are absent. Throws ModelError where shapes contradict
 * each other, where an input's size is not known, on a tensor of more than 2^31 elements, and where
 * looking costs more than the budget.
 */
export function inferShapes(
  graph: Graph,
  inputs: ReadonlyMap<string, readonly number[]> = new Map(),
  budget = new Budget(),
): Map<string, TensorFacts> {
  const known = new Map<string, TensorFacts>();
  for (const info of graph.inputs) {
    const shape = concreteShape(info, inputs.get(info.name));
    known.set(info.name, checkSize(facts(info.dtype, shape), `input "${info.name}"`));
  }
  inferInto(known, graph, budget);
  return known;
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

function inferInto(known: Known, graph: Graph, budget: Budget): void {
  for (const [name, value] of graph.initializers) known.set(name, constantFacts(value));
  for (const node of graph.nodes) inferNode(known, node, { opset: graph.opset, budget });
}

/** Facts of a constant. */
export function constantFacts(value: TensorData): TensorFacts {
  return facts(value.dtype, value.shape, value);
}

/** Adds the facts of a node's outputs to those of the tensors before it. */
export function inferNode(
  known: Known,
  node: Node,
  options: { opset: number; budget: Budget },
): void {
  const outputs = applyRule(node, known, options);
  node.outputs.forEach((name, index) => {
    const output = outputs[index];
    if (name !== "" && output) known.set(name, checkSize(output, describeNode(node)));
  });
}

function applyRule(
  node: Node,
  known: Known,
  { opset, budget }: { opset: number; budget: Budget },
): Outputs {
  budget.spend(node, { steps: stepsPerNode + node.outputs.length });
  const rule = rulesOf.get(node.domain)?.get(node.operator);
  if (!rule || node.inputs.some((name) => name !== "" && !known.has(name))) return [];
  const inputs = node.inputs.map((name) => known.get(name));
  const axes = inputs.reduce((sum, input) => sum + 1 + (input?.shape.length ?? 0), 0);
  budget.spend(node, { steps: axes });
  const inferSubgraph = (subgraph: Graph) => {
    const inner = new InnerFacts(known);
    inferInto(inner, { ...subgraph, opset }, budget);
    return subgraph.outputs.map(({ name }) => inner.get(name));
  };
  try {
    return rule(new Call(node, { opset, inputs, inferSubgraph, budget }));
  } catch (error) {
    if (error instanceof DataDependent) return [];
    throw error;
  }
}

function checkSize(output: TensorFacts, source: string): TensorFacts {
  const { shape } = output;
  if (shape.length > mostAxes) {
    throw new ModelError(
      `${source}: a tensor of ${shape.length} axes; at most ${mostAxes} are allowed`,
    );
  }
  const valid = shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (!valid || elementCount(shape) > mostElements) {
    throw new ModelError(
      `${source}: a tensor of shape [${shape.join(", ")}] is impossible or larger than 2^31 elements`,
    );
  }
  return output;
}
