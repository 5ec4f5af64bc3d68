// Removes nodes that only pass a tensor on.
import type { Graph, Node } from "../graph.ts";
import { renameTensors } from "./rename.ts";

/** The graph without `Identity` and, for inference, without `Dropout`. Outputs keep their names. */
export function removeIdentities(graph: Graph): Graph {
  const kept = new Set(graph.outputs.map(({ name }) => name));
  const read = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
  const aliases = new Map<string, string>();
  const nodes = graph.nodes.filter((node) => {
    const [output, mask] = node.outputs;
    const isPlain = node.operator === "Identity" || isInferenceDropout(graph, node);
    if (!isPlain || node.domain !== "" || kept.has(output!)) return true;
    if (mask && (read.has(mask) || kept.has(mask))) return true;
    aliases.set(output!, aliases.get(node.inputs[0]!) ?? node.inputs[0]!);
    return false;
  });
  const renamed = renameTensors({ ...graph, nodes }, (name) => aliases.get(name) ?? name);
  return renameResults(renamed);
}

/** Removes an `Identity` that only names an output, where what it copies has no other use. */
function renameResults(graph: Graph): Graph {
  const names = new Map<string, string>();
  const uses = new Map<string, number>();
  for (const name of graph.nodes.flatMap(({ inputs }) => inputs)) {
    uses.set(name, (uses.get(name) ?? 0) + 1);
  }
  const fixed = new Set([
    ...graph.initializers.keys(),
    ...[...graph.inputs, ...graph.outputs].map(({ name }) => name),
  ]);
  const nodes = graph.nodes.filter((node) => {
    const [from, to] = [node.inputs[0]!, node.outputs[0]!];
    const isCopy = node.operator === "Identity" && node.domain === "";
    if (!isCopy || fixed.has(from) || uses.get(from) !== 1) return true;
    names.set(from, to);
    return false;
  });
  return renameTensors({ ...graph, nodes }, (name) => names.get(name) ?? name);
}

/** Dropout passes its input on in inference; from version 12 on an input says which it is. */
function isInferenceDropout(graph: Graph, node: Node): boolean {
  if (node.operator !== "Dropout") return false;
  const training = node.inputs[2];
  return !training || graph.initializers.get(training)?.data[0] === 0;
}
