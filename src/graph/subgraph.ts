// Parts of a graph as graphs of their own, and one graph behind another.

import { ModelError } from "../errors.ts";
import { counted } from "../text.ts";
import { FreshNames } from "./freshNames.ts";
import type { Dimension, Graph, ValueInfo } from "./graph.ts";
import { eliminateDeadNodes } from "./rewrites/eliminateDeadNodes.ts";
import { readBatchFrom } from "./rewrites/readBatchFrom.ts";
import { renameTensors } from "./rewrites/rename.ts";
import { type Facts, inferShapes } from "./shapes.ts";
import { tensorNames, upstream } from "./topology.ts";

interface SubgraphOptions {
  /** Tensors that become the inputs; each needs known facts. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly facts?: Facts;
}

/**
 * The part of a graph that computes `outputs` from `inputs`. Throws ModelError where it would need
 * another input of the graph as well, naming what leads there.
 */
export function subgraph(graph: Graph, options: SubgraphOptions): Graph {
  const { inputs, outputs, facts = inferShapes(graph) } = options;
  const cut = new Set(inputs);
  const before = graph.nodes.filter((node) => !node.outputs.some((name) => cut.has(name)));
  const { nodes, tensors } = upstream({ nodes: before }, outputs);
  const missing = graph.inputs.filter(({ name }) => tensors.has(name) && !cut.has(name));
  if (missing.length > 0) {
    const names = missing.map(({ name }) => `"${name}"`).join(", ");
    throw new ModelError(
      `"${outputs.join('", "')}" cannot be computed from "${inputs.join('", "')}" alone: ` +
        `it also needs the input ${names}`,
    );
  }
  const declared = new Map([...graph.outputs, ...graph.inputs].map((info) => [info.name, info]));
  const describe = (name: string) =>
    describeTensor(name, {
      declared: declared.get(name),
      batch: graph.inputs[0]?.shape?.[0],
      facts,
    });
  return eliminateDeadNodes({
    ...graph,
    inputs: inputs.map(describe),
    outputs: outputs.map(describe),
    nodes: before.filter((node) => nodes.has(node)),
  });
}

/** A graph cut in two at a tensor: what computes it, and what computes all outputs from it alone. */
export function cutGraph(
  graph: Graph,
  tensor: string,
  facts: Facts = inferShapes(graph),
): { extractor: Graph; classifier: Graph } {
  const inputs = graph.inputs.map(({ name }) => name);
  const outputs = graph.outputs.map(({ name }) => name);
  return {
    extractor: subgraph(graph, { inputs, outputs: [tensor], facts }),
    classifier: graphBehind(graph, { tensor, outputs, facts }),
  };
}

/** The part of a graph that computes `outputs` from one tensor alone, off which it reads the batch size, too. */
export function graphBehind(
  graph: Graph,
  { tensor, ...options }: Omit<SubgraphOptions, "inputs"> & { readonly tensor: string },
): Graph {
  return subgraph(readBatchFrom(graph, tensor), { inputs: [tensor], ...options });
}

/**
 * Runs `second` on the outputs of `first`, in their order. Names of `second` that `first` uses too
 * get a suffix; the inputs of the whole are `first`'s, the outputs `second`'s. Throws ModelError
 * where numbers of tensors or versions of the operator set differ.
 */
export function compose(first: Graph, second: Graph): Graph {
  if (first.opset !== second.opset) {
    throw new ModelError(`cannot join graphs of opset ${first.opset} and ${second.opset}`);
  }
  if (first.outputs.length !== second.inputs.length) {
    throw new ModelError(
      `${counted(first.outputs.length, "output")} cannot become ${counted(second.inputs.length, "input")} of the next graph`,
    );
  }
  // The names of the whole's outputs are a contract: what stands in their way gets another name.
  const reserved = new Set(second.outputs.map(({ name }) => name));
  const cleared = renameApart(first, reserved, new Map());
  const links = new Map(second.inputs.map(({ name }, i) => [name, cleared.outputs[i]!.name]));
  const linked = renameApart(second, tensorNames(cleared), links);
  const nodeNames = new FreshNames(new Set(cleared.nodes.map(({ name }) => name)));
  const freeName = (name: string) => (name === "" ? "" : nodeNames.next(name));
  return {
    ...cleared,
    name: first.name || second.name,
    outputs: linked.outputs,
    nodes: [
      ...cleared.nodes,
      ...linked.nodes.map((node) => ({ ...node, name: freeName(node.name) })),
    ],
    initializers: new Map([...cleared.initializers, ...linked.initializers]),
  };
}

function renameApart(
  graph: Graph,
  taken: ReadonlySet<string>,
  links: ReadonlyMap<string, string>,
): Graph {
  const names = new FreshNames(new Set([...taken, ...tensorNames(graph)]));
  const renamed = new Map(links);
  return renameTensors(graph, (name) => {
    if (!renamed.has(name)) renamed.set(name, taken.has(name) ? names.next(name) : name);
    return renamed.get(name)!;
  });
}

function describeTensor(
  name: string,
  {
    declared,
    batch,
    facts,
  }: {
    declared: ValueInfo | undefined;
    batch: Dimension | undefined;
    facts: Facts;
  },
): ValueInfo {
  const known = facts.get(name);
  if (declared?.shape || !known) {
    if (declared) return declared;
    throw new ModelError(`the shape of tensor "${name}" is not known`);
  }
  const shape = typeof batch === "string" ? [batch, ...known.shape.slice(1)] : known.shape;
  return { name, dtype: known.dtype, shape };
}
