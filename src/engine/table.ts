// The operator table: every export of ops/ is the operator of that name.

import { ModelError } from "../errors.ts";
import { describeNode, type Graph, type Node, operatorName } from "../graph/graph.ts";
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

/**
 * Throws ModelError that lists, with node names, every operator without support, every node with too
 * few or too many inputs, and every attribute that is unknown or of the wrong type.
 */
export function assertSupported(graph: Graph): void {
  const missing = new Map<string, Node[]>();
  const misused = new Map<Node, readonly string[]>();
  for (const node of takeBranches(graph).nodes) {
    if (findOperator(node, graph.opset)) {
      const complaints = complaintsAbout(node);
      if (complaints.length > 0) misused.set(node, complaints);
      continue;
    }
    const nodes = missing.get(operatorName(node));
    if (nodes) nodes.push(node);
    else missing.set(operatorName(node), [node]);
  }
  const unsupported = [...missing].map(
    ([operator, nodes]) => `operator ${operator} is not supported (${listNodes(nodes)})`,
  );
  const complaints = [...unsupported, ...[...misused.values()].flat()];
  if (complaints.length === 0) return;
  const version = missing.size > 0 ? `, in a model of opset ${graph.opset}` : "";
  const shown = complaints.slice(0, mostComplaints);
  if (complaints.length > mostComplaints)
    shown.push(`and ${complaints.length - mostComplaints} more`);
  const advice = adviseOn([...[...missing.values()].flat(), ...misused.keys()]);
  const lines = [`the engine cannot run this model${version}:\n  ${shown.join("\n  ")}`, advice];
  throw new ModelError(lines.filter(Boolean).join("\n"));
}

const mostComplaints = 50;
const mostNames = 10;

function listNodes(nodes: readonly Node[]): string {
  const names = nodes
    .slice(0, mostNames)
    .map(({ name, outputs: [output = ""] }) => `"${name || output}"`);
  if (nodes.length > mostNames) names.push(`${nodes.length - mostNames} more`);
  return `${nodes.length === 1 ? "node" : "nodes"} ${names.join(", ")}`;
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
