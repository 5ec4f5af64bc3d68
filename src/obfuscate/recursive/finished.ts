// The weights of finished levels in a checkpoint, beside what is being trained.
import type { TensorData } from "../../graph/graph.ts";
import { fromBytes, type Tensor } from "../../torch/index.ts";
import type { Weights } from "../weights.ts";

const prefix = "finished.";

/** Tensors for a checkpoint. */
export function finishedTensors(weights: Weights): Map<string, Tensor> {
  return new Map(
    [...weights].map(([name, { data, shape }]) => [
      prefix + name,
      fromBytes(data, { shape, dtype: "float32" }),
    ]),
  );
}

/** The weights among a checkpoint's tensors. */
export function readFinished(tensors: ReadonlyMap<string, Tensor>): Map<string, TensorData> {
  const weights = new Map<string, TensorData>();
  for (const [name, tensor] of tensors) {
    if (!name.startsWith(prefix)) continue;
    const data = { dtype: "float32" as const, shape: tensor.shape, data: tensor.toBytes() };
    weights.set(name.slice(prefix.length), data);
    tensor.dispose();
  }
  return weights;
}
