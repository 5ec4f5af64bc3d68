// Known pairs: an original, a copy of it under other names with its channels permuted and rescaled, and a stranger.
import type { Graph } from "../../src/graph/graph.ts";
import { normal, uniform } from "../../src/graph/random.ts";
import { renameTensors } from "../../src/graph/rewrites.ts";
import { fromFloat32 } from "../../src/graph/tensorData.ts";
import { densenet } from "../../src/models/index.ts";
import { scramble } from "../../src/obfuscate/scramble.ts";
import { chain, folded } from "../attack/pair.ts";

export { chain, folded };

/** Other names for everything inside. */
export function renamed(graph: Graph): Graph {
  const kept = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  let count = 0;
  const names = new Map<string, string>();
  const other = renameTensors(graph, (name) => {
    if (kept.has(name)) return name;
    if (!names.has(name)) names.set(name, `t${count++}`);
    return names.get(name)!;
  });
  return { ...other, name: "", nodes: other.nodes.map((node, i) => ({ ...node, name: `n${i}` })) };
}

/** Channels between layers in another order and scale, as sealing does it; what the network computes stays. */
export function scrambled(graph: Graph): Graph {
  return scramble(graph, 5);
}

/** A network of another family, of other weights. */
export const stranger = densenet({ shape: [1, 8, 8], classes: 4, depth: 10, growth: 4, seed: 8 });

/** The same architecture with other weights. */
export function reweighted(graph: Graph): Graph {
  const initializers = [...graph.initializers].map(([name, value]) => {
    if (value.dtype !== "float32") return [name, value] as const;
    const values = normal({ seed: 77, name }, value.data.length / 4);
    return [name, fromFloat32(value.shape, values)] as const;
  });
  return { ...graph, initializers: new Map(initializers) };
}

/** The nodes in another order that is as good. */
export function reordered(graph: Graph): Graph {
  const ready = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()]);
  const random = uniform({ seed: 3, name: "order" }, graph.nodes.length);
  const left = graph.nodes.map((node, i) => ({ node, rank: random[i]! }));
  const nodes = [];
  while (left.length > 0) {
    const able = left.filter(({ node }) =>
      node.inputs.every((name) => name === "" || ready.has(name)),
    );
    const next = able.reduce((a, b) => (b.rank < a.rank ? b : a));
    left.splice(left.indexOf(next), 1);
    for (const name of next.node.outputs) ready.add(name);
    nodes.push(next.node);
  }
  return { ...graph, nodes };
}
