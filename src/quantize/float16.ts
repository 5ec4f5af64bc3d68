// A graph in half precision: weights and activations are float16, inputs and outputs stay float32.
import { int } from "../graph/attributes.ts";
import { FreshNames } from "../graph/freshNames.ts";
import type { Graph, Node, TensorData } from "../graph/graph.ts";
import { operation } from "../graph/operation.ts";
import { renameTensors, stripNames } from "../graph/rewrites.ts";
import { fromNumbers, toFloat32 } from "../graph/tensorData.ts";
import { tensorNames } from "../graph/topology.ts";
import { codeOf } from "../graph/typeCodes.ts";

const [float32, float16] = [codeOf("float32"), codeOf("float16")];

/** The graph with float16 in place of float32 between its inputs and its outputs. */
export function toFloat16(graph: Graph): Graph {
  const ends = [...graph.inputs, ...graph.outputs].filter(({ dtype }) => dtype === "float32");
  const names = new FreshNames(tensorNames(graph));
  const inside = new Map(ends.map(({ name }) => [name, names.next(`${name}.half`)]));
  const renamed = renameTensors(graph, (name) => inside.get(name) ?? name);
  const cast = (from: string, to: string, type: number) =>
    operation("Cast", [from], to, { to: int(type) });
  const casts = (infos: Graph["inputs"], make: (name: string, half: string) => Node) =>
    infos.flatMap(({ name }) => (inside.has(name) ? [make(name, inside.get(name)!)] : []));
  const initializers = [...renamed.initializers].map(([name, value]) => {
    return [name, narrow(value)] as const;
  });
  return stripNames({
    ...renamed,
    inputs: graph.inputs,
    outputs: graph.outputs,
    nodes: [
      ...casts(graph.inputs, (name, half) => cast(name, half, float16)),
      ...renamed.nodes.map(narrowAttributes),
      ...casts(graph.outputs, (name, half) => cast(half, name, float32)),
    ],
    initializers: new Map(initializers),
  });
}

/** A node that makes float16 where it was told to make float32. */
function narrowAttributes(node: Node): Node {
  const attributes = Object.entries(node.attributes).map(([name, attribute]) => {
    const { type, value } = attribute;
    if (type === "tensor") return [name, { type, value: narrow(value) }] as const;
    const isType = type === "int" && ["to", "dtype"].includes(name) && Number(value) === float32;
    return [name, isType ? int(float16) : attribute] as const;
  });
  return { ...node, attributes: Object.fromEntries(attributes) };
}

function narrow(value: TensorData): TensorData {
  if (value.dtype !== "float32") return value;
  return fromNumbers("float16", value.shape, toFloat32(value));
}
