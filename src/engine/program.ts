// A graph compiled for one set of input shapes: the nodes that must run, in order, with their host
// values read, and what can be freed after each.
import { ModelError } from "../errors.ts";
import {
  describeNode,
  elementCount,
  type Graph,
  type Node,
  type TensorData,
} from "../graph/graph.ts";
import type { Facts } from "../graph/shapes.ts";
import { isFloat, toNumbers } from "../graph/tensorData.ts";
import type { Device } from "../torch/index.ts";
import { mostHostValues } from "./aten.ts";
import { type Attributes, readAttributes } from "./attributes.ts";
import { joinConvolutions } from "./join.ts";
import { type FusedNode, mergeRelu } from "./merge.ts";
import type { Operator } from "./operator.ts";
import { tensorsOfParameters } from "./parameters.ts";
import { signatures } from "./signatures.ts";
import { findOperator } from "./table.ts";

/** One operator call. */
export interface Step {
  readonly node: Node;
  readonly operator: Operator;
  readonly attributes: Attributes;
  /** Tensor names; undefined where an input is omitted or known on the host. */
  readonly inputs: readonly (string | undefined)[];
  /** Elements of the inputs that are known before running, by position. */
  readonly known: ReadonlyMap<number, readonly number[]>;
  /** Positions of inputs that the operator wants as host values and that are not known before running. */
  readonly unknown: ReadonlySet<number>;
  /** Whether the shape of an output depends on data. */
  readonly isDynamic: boolean;
  /** Tensor names; the empty string where nothing reads an output. */
  readonly outputs: readonly string[];
  /** Tensors that no later step reads. */
  readonly release: readonly string[];
}

export interface Program {
  readonly steps: readonly Step[];
  /** Tensors that steps read or that are wanted, and that are known without running; no float initializers. */
  readonly constants: ReadonlyMap<string, TensorData>;
}

export interface CompileOptions {
  readonly facts: Facts;
  readonly parameters: Iterable<string>;
  readonly outputs: readonly string[];
  readonly training: boolean;
  readonly device: Device;
}

/** Compiles the part of a graph that `outputs` need. Throws ModelError for an unknown output. */
export function compile(graph: Graph, options: CompileOptions): Program {
  const { facts, outputs, training, device } = options;
  const changing = tensorsOfParameters(graph, options.parameters);
  const constantOf = (name: string) => (changing.has(name) ? undefined : facts.get(name)?.value);
  checkNames(graph, outputs);
  const nodes = neededNodes(graph, outputs, constantOf);
  const readers = countReaders(nodes, outputs);
  const merge = { opset: graph.opset, training, readers };
  // Where it was measured: the slices of the joined output are copied, which must cost less than it saves.
  const joined = training && device === "cpu" ? joinConvolutions(nodes, graph.initializers) : nodes;
  const steps = mergeRelu(joined, merge).map((step) =>
    makeStep(step, { graph, facts, constantOf, readers }),
  );
  const constants = new Map<string, TensorData>();
  for (const name of [...steps.flatMap(({ inputs }) => inputs), ...outputs]) {
    const value = name === undefined ? undefined : constantOf(name);
    const isHeld = graph.initializers.has(name ?? "") && value && isFloat(value.dtype);
    if (name !== undefined && value && !isHeld) constants.set(name, value);
  }
  return { steps: withReleases(steps, new Set(outputs)), constants };
}

function checkNames(graph: Graph, outputs: readonly string[]): void {
  const made = new Set([
    ...graph.inputs.map(({ name }) => name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap((node) => node.outputs),
  ]);
  const missing = outputs.filter((name) => !made.has(name));
  if (missing.length > 0) {
    throw new ModelError(
      `the model has no tensor named ${missing.map((n) => `"${n}"`).join(", ")}`,
    );
  }
}

function neededNodes(
  graph: Graph,
  outputs: readonly string[],
  constantOf: (name: string) => TensorData | undefined,
): FusedNode[] {
  const needed = new Set(outputs.filter((name) => !constantOf(name)));
  const nodes: FusedNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    nodes.push({ node, outputs: node.outputs });
    for (const name of node.inputs) if (name !== "" && !constantOf(name)) needed.add(name);
  }
  return nodes.reverse();
}

/** How often each tensor is read, by nodes and as an output. */
function countReaders(
  nodes: readonly FusedNode[],
  outputs: readonly string[],
): Map<string, number> {
  const readers = new Map<string, number>();
  for (const name of [...nodes.flatMap(({ node }) => node.inputs), ...outputs]) {
    readers.set(name, (readers.get(name) ?? 0) + 1);
  }
  return readers;
}

function makeStep(
  call: FusedNode,
  options: {
    graph: Graph;
    facts: Facts;
    constantOf: (name: string) => TensorData | undefined;
    readers: ReadonlyMap<string, number>;
  },
): Step {
  const { graph, facts, constantOf, readers } = options;
  const { node } = call;
  const operator = call.operator ?? findOperator(node, graph.opset);
  const signature = signatures.get(node.operator);
  if (!operator || !signature) throw new ModelError(`${describeNode(node)} is not supported`);
  const known = new Map<number, readonly number[]>();
  const unknown = new Set<number>();
  const inputs = node.inputs.map((name, position) => {
    if (name === "") return undefined;
    const value = constantOf(name);
    const onHost = signature.host.has(position);
    if (value && onHost && elementCount(value.shape) > mostHostValues) {
      throw new ModelError(`${describeNode(node)}: input ${position + 1} has too many elements`);
    }
    if (value && (onHost || value.data.length <= 8)) known.set(position, toNumbers(value));
    if (!onHost) return name;
    if (value) return undefined;
    unknown.add(position);
    return name;
  });
  const outputs = call.outputs.map((name) => (readers.has(name) ? name : ""));
  return {
    node,
    operator,
    attributes: readAttributes(node),
    inputs,
    known,
    unknown,
    isDynamic: call.outputs.some((name) => name !== "" && !facts.has(name)),
    outputs,
    release: [],
  };
}

/** Fills in what each step may free: tensors of steps that no later one reads. */
function withReleases(steps: readonly Step[], outputs: ReadonlySet<string>): Step[] {
  const made = new Set(steps.flatMap((step) => step.outputs));
  const seen = new Set<string>(outputs);
  const result = steps.toReversed().map((step) => {
    const last = [...step.inputs, ...step.outputs].filter(
      (name) => name !== undefined && name !== "" && made.has(name) && !seen.has(name),
    ) as string[];
    for (const name of last) seen.add(name);
    return { ...step, release: [...new Set(last)] };
  });
  return result.reverse();
}
