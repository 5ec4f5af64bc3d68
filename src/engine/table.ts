// The operator table: every export of ops/ is the operator of that name.

import { ModelError } from "../errors.ts";
import { describeNode, type Graph, type Node } from "../graph/graph.ts";
import { adviseOn } from "../graph/otherKinds.ts";
import { takeBranches } from "../graph/rewrites/branches.ts";
import { readAttributes } from "./attributes.ts";
import type { Operator, VersionedOperator } from "./operator.ts";
import * as activation from "./ops/activation.ts";
import * as arithmetic from "./ops/arithmetic.ts";
import * as attention from "./ops/attention.ts";
import * as convolution from "./ops/convolution.ts";
import * as generation from "./ops/generation.ts";
import * as indexing from "./ops/indexing.ts";
import * as linear from "./ops/linear.ts";
import * as logical from "./ops/logical.ts";
import * as normalization from "./ops/normalization.ts";
import * as pooling from "./ops/pooling.ts";
import * as quantization from "./ops/quantization.ts";
import * as reduction from "./ops/reduction.ts";
import * as resize from "./ops/resize.ts";
import * as shape from "./ops/shape.ts";
import { type OperatorName, signatureOf, signatures } from "./signatures.ts";

/** Operators by family, as documented. */
export const families = {
  Convolution: convolution,
  Pooling: pooling,
  Normalization: normalization,
  Activation: activation,
  "Matrix products": linear,
  Attention: attention,
  Arithmetic: arithmetic,
  Reduction: reduction,
  "Comparison and logic": logical,
  "Shape and layout": shape,
  Indexing: indexing,
  Resizing: resize,
  "Types and generation": generation,
  Quantization: quantization,
} as const satisfies Record<string, Readonly<Record<string, Operator | VersionedOperator>>>;

/** Every operator of `signatures`; the compiler refuses one that no family exports. */
export const operators: Readonly<Record<OperatorName, Operator | VersionedOperator>> = {
  ...activation,
  ...arithmetic,
  ...attention,
  ...convolution,
  ...generation,
  ...indexing,
  ...linear,
  ...logical,
  ...normalization,
  ...pooling,
  ...quantization,
  ...reduction,
  ...resize,
  ...shape,
};

/** The operator of a node in a model of this opset; undefined where the engine has none. */
export function findOperator(node: Node, opset: number): Operator | undefined {
  if (!signatureOf(node, opset)) return undefined;
  const entry = operators[node.operator as OperatorName];
  if (typeof entry === "function") return entry;
  const versions = Object.keys(entry).map(Number);
  const newest = Math.max(...versions.filter((version) => version <= opset));
  return entry[newest];
}

/** An operator call that the engine has no operator for. */
export interface UnsupportedOperator {
  readonly operator: string;
  readonly domain: string;
  /** Name of the node, or of its first output where it has none. */
  readonly node: string;
}

/** All nodes that the engine cannot run. Of an `If` with a constant condition, the branch taken counts. */
export function unsupportedOperators(graph: Graph): UnsupportedOperator[] {
  return takeBranches(graph)
    .nodes.filter((node) => !findOperator(node, graph.opset))
    .map((node) => ({
      operator: node.operator,
      domain: node.domain,
      node: node.name || (node.outputs[0] ?? ""),
    }));
}

/**
 * Throws ModelError that lists, with node names, every operator without support, every node with too
 * few or too many inputs, and every attribute that is unknown or of the wrong type.
 */
export function assertSupported(graph: Graph): void {
  const missing = new Map<string, UnsupportedOperator[]>();
  for (const call of unsupportedOperators(graph)) {
    const operator = call.domain === "" ? call.operator : `${call.domain}.${call.operator}`;
    const calls = missing.get(operator);
    if (calls) calls.push(call);
    else missing.set(operator, [call]);
  }
  const complaints = [...missing].map(
    ([operator, calls]) => `operator ${operator} is not supported (${listNodes(calls)})`,
  );
  for (const node of takeBranches(graph).nodes) {
    if (findOperator(node, graph.opset)) complaints.push(...complaintsAbout(node));
  }
  if (complaints.length === 0) return;
  const version = missing.size > 0 ? `, in a model of opset ${graph.opset}` : "";
  const shown = complaints.slice(0, mostComplaints);
  if (complaints.length > mostComplaints)
    shown.push(`and ${complaints.length - mostComplaints} more`);
  const advice = adviseOn([...missing.values()].flat());
  const lines = [`the engine cannot run this model${version}:\n  ${shown.join("\n  ")}`, advice];
  throw new ModelError(lines.filter(Boolean).join("\n"));
}

const mostComplaints = 50;
const mostNames = 10;

function listNodes(calls: readonly UnsupportedOperator[]): string {
  const names = calls.slice(0, mostNames).map(({ node }) => `"${node}"`);
  if (calls.length > mostNames) names.push(`${calls.length - mostNames} more`);
  return `${calls.length === 1 ? "node" : "nodes"} ${names.join(", ")}`;
}

function complaintsAbout(node: Node): string[] {
  const { required, allowed } = signatures.get(node.operator)!;
  const given = node.inputs.length;
  const complaints: string[] = [];
  if (given > allowed) {
    complaints.push(`${describeNode(node)}: ${given} inputs, where ${allowed} are supported`);
  }
  const absent = Array.from({ length: required }, (_, i) => i).filter((i) => !node.inputs[i]);
  if (absent.length > 0) {
    complaints.push(
      `${describeNode(node)}: input ${absent.map((i) => i + 1).join(", ")} is missing`,
    );
  }
  try {
    readAttributes(node);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    complaints.push(error.message);
  }
  return complaints;
}
