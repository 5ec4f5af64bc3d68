// Max pooling over a padded map. ONNX Runtime's fusion of both (Pad_Fusion, up to version 1.30) makes the padding that of
// the pooling, which counts as less than any number instead of as 0, and so gives other answers than the model.
import { attribute } from "../attributes.ts";
import type { Graph, Node } from "../graph.ts";
import { producers } from "../topology.ts";

/** The nodes of max pooling that read what a `Pad` wrote, straight or in another type of numbers. */
function paddedMaxima(graph: Graph): ReadonlySet<Node> {
  const sources = producers(graph);
  const sourceOf = ({ inputs: [input = ""] }: Node) => sources.get(input);
  return new Set(
    graph.nodes.filter((node) => {
      if (node.operator !== "MaxPool") return false;
      const source = sourceOf(node);
      return (source?.operator === "Cast" ? sourceOf(source) : source)?.operator === "Pad";
    }),
  );
}

/** Steps of ONNX Runtime's optimizer that would change what this graph computes, by their names there. */
export function wrongFusions(graph: Graph): readonly string[] {
  return paddedMaxima(graph).size > 0 ? ["Pad_Fusion"] : [];
}

/**
 * The graph with such pooling as `auto_pad` VALID, which ONNX Runtime does not fuse. Pooling with a padding of its own, or
 * with sizes rounded up, has no such form and stays.
 */
export function protectPadding(graph: Graph): Graph {
  const padded = paddedMaxima(graph);
  if (padded.size === 0) return graph;
  const nodes = graph.nodes.map((node): Node => {
    if (!padded.has(node) || !hasNoPadding(node)) return node;
    const { pads: _, ...others } = node.attributes;
    return { ...node, attributes: { ...others, auto_pad: { type: "string", value: "VALID" } } };
  });
  return { ...graph, nodes };
}

function hasNoPadding(node: Node): boolean {
  const pads = attribute(node, "pads", "ints") ?? [];
  const autoPad = attribute(node, "auto_pad", "string") || "NOTSET";
  return (
    autoPad === "NOTSET" &&
    pads.every((pad) => pad === 0) &&
    (attribute(node, "ceil_mode", "int") ?? 0) === 0
  );
}
