// Leaves a graph the one input that its scores come from: what nothing reads goes, what a loss reads, and the switch
// of training and inference.
import type { Graph, TensorData, ValueInfo } from "../graph.ts";
import { readTensors, upstream } from "../topology.ts";
import { eliminateDeadNodes } from "./eliminateDeadNodes.ts";

/**
 * The graph without inputs that no output needs; where some outputs come from one batch of images alone, without
 * the others as well: a model exported with its loss takes labels, too. What switches training on is off. The graph
 * itself where it has one input.
 */
export function takeImagesAlone(file: Graph): Graph {
  if (file.inputs.length < 2) return file;
  const graph = inInference(file);
  const images = new Set(
    graph.inputs.filter(({ shape }) => (shape?.length ?? 4) === 4).map(({ name }) => name),
  );
  const sole = soleInputs(graph);
  const ofImages = graph.outputs.filter(({ name }) => images.has(sole.get(name) ?? ""));
  const outputs = ofImages.length > 0 ? ofImages : graph.outputs;
  const names = outputs.map(({ name }) => name);
  const { tensors } = upstream(graph, names);
  const inputs = graph.inputs.filter(({ name }) => tensors.has(name));
  return eliminateDeadNodes({ ...graph, inputs, outputs });
}

/** Whether an input switches training on, as `is_training` or `keras_learning_phase` does. */
export function isTrainingSwitch({ name, dtype, shape }: ValueInfo): boolean {
  const isOne = shape?.every((size) => size === 1) ?? false;
  return dtype === "bool" && isOne && /train|learning_phase/i.test(name);
}

/** The graph with what switches training on as a constant: false. */
function inInference(graph: Graph): Graph {
  const switches = graph.inputs.filter(isTrainingSwitch);
  if (switches.length === 0) return graph;
  const off = switches.map(({ name, shape = [] }): [string, TensorData] => [
    name,
    { dtype: "bool", shape: shape.map(() => 1), data: new Uint8Array(1) },
  ]);
  return {
    ...graph,
    inputs: graph.inputs.filter((input) => !switches.includes(input)),
    initializers: new Map([...graph.initializers, ...off]),
  };
}

/** The input that each tensor is computed from; undefined for several. Constants have no entry. */
function soleInputs(graph: Graph): ReadonlyMap<string, string | undefined> {
  const sole = new Map<string, string | undefined>(graph.inputs.map(({ name }) => [name, name]));
  for (const node of graph.nodes) {
    const sources = new Set(
      readTensors(node)
        .filter((name) => sole.has(name))
        .map((name) => sole.get(name)),
    );
    if (sources.size === 0) continue;
    const [source] = sources.size === 1 ? sources : [undefined];
    for (const name of node.outputs) sole.set(name, source);
  }
  return sole;
}
