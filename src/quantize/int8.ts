// A graph for int8: pairs of QuantizeLinear and DequantizeLinear (QDQ) say which tensors are integers, and a runtime
// that knows them computes convolutions and linear layers on integers. Others compute the same on real numbers.
import { int } from "../graph/attributes.ts";
import { GraphEdit } from "../graph/edit.ts";
import type { Graph, Node, TensorData } from "../graph/graph.ts";
import { operation } from "../graph/operation.ts";
import { eliminateDeadNodes, stripNames } from "../graph/rewrites.ts";
import { fromNumbers } from "../graph/tensorData.ts";
import { consumers } from "../graph/topology.ts";
import { type Affine, affineOf, quantizeLayer, type Range } from "./affine.ts";
import { asLayer, layerOutputs } from "./layers.ts";

/**
 * The graph with ReLU before max pooling where it stands behind: the same function, but runtimes join ReLU with the
 * convolution before it, and no integer is spent on what ReLU cuts off.
 */
export function reluBeforePooling(graph: Graph): Graph {
  const readers = consumers(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const swapped = new Map<Node, Node>();
  for (const pool of graph.nodes) {
    const [result = "", ...others] = pool.outputs;
    const [relu, ...more] = readers.get(result) ?? [];
    if (pool.operator !== "MaxPool" || relu?.operator !== "Relu") continue;
    if (others.length > 0 || more.length > 0 || outputs.has(result)) continue;
    swapped.set(pool, { ...relu, inputs: pool.inputs, outputs: pool.outputs });
    swapped.set(relu, { ...pool, inputs: relu.inputs, outputs: relu.outputs });
  }
  return { ...graph, nodes: graph.nodes.map((node) => swapped.get(node) ?? node) };
}

/**
 * The tensors that are to be int8, each with the tensor whose range it has: what convolutions and linear layers
 * read and give (behind their ReLU), but no output of the graph. Max pooling gives what it gets.
 */
export function integerTensors(graph: Graph): Map<string, string> {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const tensors = new Map<string, string>();
  for (const name of layerOutputs(graph)) tensors.set(name, name);
  for (const node of graph.nodes) {
    const [input = "", result = ""] = [node.inputs[0], node.outputs[0]];
    if (node.operator === "MaxPool" && tensors.has(input)) tensors.set(result, tensors.get(input)!);
    if (asLayer(node, graph) && !tensors.has(input)) tensors.set(input, input);
  }
  return new Map([...tensors].filter(([name]) => !outputs.has(name)));
}

/** The graph with the integer tensors of `integerTensors`, for the ranges of those that have their own. */
export function quantizeToInt8(graph: Graph, ranges: ReadonlyMap<string, Range>): Graph {
  const sources = integerTensors(graph);
  const nodes: Node[] = [];
  const affines = new Map<string, Affine>();
  const edit = new GraphEdit(graph);
  /** The numbers that integers stand for, by the tensor that they were made of. */
  const reals = new Map<string, string>();
  const add = (operator: string, inputs: readonly string[], output: string, axis?: number) =>
    nodes.push(operation(operator, inputs, output, axis === undefined ? {} : { axis: int(axis) }));

  const quantize = (name: string) => {
    const source = sources.get(name);
    if (source === undefined) return;
    const affine = affineOf(ranges.get(source)!);
    affines.set(name, affine);
    const parameters = [
      edit.constant(`${name}.scale`, fromNumbers("float32", [], [affine.scale])),
      edit.constant(`${name}.zero`, fromNumbers("int8", [], [affine.zeroPoint])),
    ];
    const [integer, real] = [edit.name(`${name}.integer`), edit.name(`${name}.real`)];
    add("QuantizeLinear", [name, ...parameters], integer);
    add("DequantizeLinear", [integer, ...parameters], real);
    reals.set(name, real);
  };

  for (const { name } of graph.inputs) quantize(name);
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => reals.get(name) ?? name);
    const layer = asLayer(node, graph);
    if (layer) {
      const { outputAxis } = layer;
      const { scale: inputScale } = affines.get(node.inputs[0]!)!;
      const integers = quantizeLayer(layer, { outputAxis, inputScale });
      const own = (part: string) => `${node.outputs[0]}.${part}`;
      const dequantize = (part: string, value: TensorData, scales: TensorData, axis: number) => {
        // Some runtimes join a linear layer only with zero points that are written down.
        const zeros = fromNumbers(value.dtype, scales.shape, new Uint8Array(scales.shape[0]!));
        const parameters = [
          edit.constant(own(part), value),
          edit.constant(own(`${part}.scale`), scales),
          edit.constant(own(`${part}.zero`), zeros),
        ];
        const real = edit.name(own(`${part}.real`));
        add("DequantizeLinear", parameters, real, axis);
        return real;
      };
      inputs[1] = dequantize("weight", integers.weight, integers.weightScales, outputAxis);
      if (integers.bias) inputs[2] = dequantize("bias", integers.bias, integers.biasScales, 0);
    }
    nodes.push({ ...node, inputs });
    for (const name of node.outputs) quantize(name);
  }
  return stripNames(eliminateDeadNodes(edit.result(nodes)));
}
