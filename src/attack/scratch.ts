// The control of every attack: the same architecture from random weights.
import type { Graph, TensorData } from "../graph/graph.ts";
import { elementCount } from "../graph/graph.ts";
import { normal, uniform } from "../graph/random.ts";
import { fromFloat32 } from "../graph/tensorData.ts";

/**
 * The graph with everything forgotten that its layers have learned: weights of convolutions from a normal
 * distribution of variance 2 / fan-in (He et al. 2015), those of linear layers uniform within 1 / sqrt(fan-in),
 * biases 0, batch norms at their start.
 */
export function withRandomWeights(graph: Graph, seed: number): Graph {
  const initializers = new Map(graph.initializers);
  const set = (name: string | undefined, draw: (tensor: TensorData) => Float32Array) => {
    const known = initializers.get(name ?? "");
    if (known?.dtype === "float32") initializers.set(name!, fromFloat32(known.shape, draw(known)));
  };
  const constant = (value: number) => (tensor: TensorData) =>
    new Float32Array(elementCount(tensor.shape)).fill(value);
  for (const { operator, inputs, attributes } of graph.nodes) {
    const [, second, third, fourth, fifth] = inputs;
    const stream = { seed, name: `attack/scratch/${second}` };
    if (operator === "Conv") {
      set(second, ({ shape }) => {
        const deviation = Math.sqrt(2 / elementCount(shape.slice(1)));
        return normal(stream, elementCount(shape)).map((value) => value * deviation);
      });
      set(third, constant(0));
    } else if (operator === "Gemm" || operator === "MatMul") {
      const isTransposed = attributes.transB?.value === 1;
      set(second, ({ shape }) => {
        const bound = 1 / Math.sqrt(shape[isTransposed ? 1 : 0]!);
        return uniform(stream, elementCount(shape)).map((u) => (2 * u - 1) * bound);
      });
      set(third, constant(0));
    } else if (operator === "BatchNormalization") {
      set(second, constant(1));
      set(third, constant(0));
      set(fourth, constant(0));
      set(fifth, constant(1));
    }
  }
  return { ...graph, initializers };
}
