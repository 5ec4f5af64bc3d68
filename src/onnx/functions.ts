// Model-local functions (https://onnx.ai/onnx/repo-docs/IR.html#model-local-functions): the table of a model's
// functions, and what a name or an attribute of a function's body stands for in one call.
import { ModelError } from "../errors.ts";
import type { FreshNames } from "../graph/freshNames.ts";
import { type Attribute, describeNode, type Node } from "../graph/graph.ts";
import type { FunctionProto, GraphProto, ModelProto, NodeProto } from "./generated/onnx_pb.ts";
import { quote } from "./problems.ts";

/** What the names and attribute references of a list of nodes stand for. */
export interface Scope {
  /** The name of a tensor in the finished graph. */
  tensor(name: string): string;
  /** The name of a node in the finished graph; `operator` stands in for a missing one. */
  node(name: string, operator: string): string;
  /** What an attribute of the called function is; undefined where the call leaves it out. */
  attribute(name: string): Attribute | undefined;
}

/** The scope of the model's own graph: names stay as they are. */
export const modelScope: Scope = {
  tensor: (name) => name,
  node: (name) => name,
  attribute: () => {
    throw new ModelError("only a function's body may refer to the function's attributes");
  },
};

/** Domain of the standard operators in its one spelling. */
export function normaliseDomain(domain: string): string {
  return domain === "ai.onnx" ? "" : domain;
}

/**
 * The functions of a model, by what calls them.
 * @throws ModelError where two have the same key, or one has that of a standard operator
 */
export function readFunctions(model: ModelProto): Map<string, FunctionProto> {
  const functions = new Map<string, FunctionProto>();
  for (const definition of model.functions) {
    const domain = normaliseDomain(definition.domain);
    const label = labelFunction(definition);
    const { name: opType, overload } = definition;
    const key = functionKey({ domain, opType, overload });
    if (domain === "")
      throw new ModelError(`${label} would replace a standard operator; runtimes disagree on that`);
    if (functions.has(key)) throw new ModelError(`${label} is defined twice`);
    if (new Set(definition.input).size !== definition.input.length)
      throw new ModelError(`${label} has two inputs of the same name`);
    functions.set(key, definition);
  }
  return functions;
}

/**
 * Asserts that a function which is called speaks the model's language.
 * @throws ModelError where its standard operators are of another version
 */
export function assertOpset(definition: FunctionProto, opset: number): void {
  for (const { domain, version } of definition.opsetImport) {
    if (normaliseDomain(domain) !== "" || Number(version) === opset) continue;
    throw new ModelError(
      `${labelFunction(definition)} uses opset ${version}, but the model uses opset ${opset}; write it in one opset ` +
        "with\n  onnx.inliner.inline_local_functions(model, convert_version=True)",
    );
  }
}

function labelFunction({ name, domain }: FunctionProto): string {
  return `function ${quote(name)} of domain ${quote(normaliseDomain(domain))}`;
}

/** What identifies a function, from a node that calls it. */
export function functionKey(node: Pick<NodeProto, "domain" | "opType" | "overload">): string {
  return JSON.stringify([normaliseDomain(node.domain), node.opType, node.overload]);
}

/** Names that a graph's tensors and nodes have in its inputs, outputs and nodes, subgraphs included. */
export function collectNames(graph: GraphProto, tensors: Set<string>, nodes: Set<string>): void {
  for (const { name } of [...graph.input, ...graph.output]) tensors.add(name);
  for (const node of graph.node) {
    for (const name of [...node.input, ...node.output]) tensors.add(name);
    nodes.add(node.name);
    for (const { g } of node.attribute) if (g !== undefined) collectNames(g, tensors, nodes);
  }
}

/** A call of a function, its own names and attributes already resolved. */
export interface FunctionCall {
  readonly node: Node;
  readonly definition: FunctionProto;
  /** Values of the function's attributes where the call gives none. */
  readonly defaults: ReadonlyMap<string, Attribute>;
}

const longestPrefix = 200;

/** The scope of a function's body in one call. */
export function callScope(
  { node, definition, defaults }: FunctionCall,
  names: { readonly tensors: FreshNames; readonly nodes: FreshNames },
): Scope {
  for (const side of ["input", "output"] as const)
    if (node[`${side}s`].length > definition[side].length)
      throw new ModelError(
        `${describeNode(node)} has ${node[`${side}s`].length} ${side}s, but its function has ${definition[side].length}`,
      );
  const called = node.name || node.operator;
  const prefix = called.length <= longestPrefix ? called : node.operator.slice(0, longestPrefix);
  const tensors = new Map([["", ""]]);
  for (const [index, name] of definition.input.entries())
    tensors.set(name, node.inputs[index] ?? "");
  for (const [index, name] of definition.output.entries())
    if (node.outputs[index] && !tensors.has(name)) tensors.set(name, node.outputs[index]);
  const fresh = (source: FreshNames, name: string): string =>
    source.next(`${prefix}/${name.length <= longestPrefix ? name : name.slice(0, longestPrefix)}`);
  return {
    tensor: (name) => {
      let resolved = tensors.get(name);
      if (resolved === undefined) {
        resolved = fresh(names.tensors, name);
        tensors.set(name, resolved);
      }
      return resolved;
    },
    node: (name, operator) => fresh(names.nodes, name || operator),
    attribute: (name) =>
      Object.hasOwn(node.attributes, name) ? node.attributes[name] : defaults.get(name),
  };
}
