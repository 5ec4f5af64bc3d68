// The weights of finished levels in a checkpoint, beside what is being trained.
import { DataError } from "../../errors.ts";
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

/**
 * The weights among a checkpoint's tensors, which have the shapes of `expected`. Throws DataError where they have not.
 */
export function readFinished(
  tensors: ReadonlyMap<string, Tensor>,
  expected: Weights,
): Map<string, TensorData> {
  const weights = new Map<string, TensorData>();
  for (const [name, { shape }] of expected) {
    const tensor = tensors.get(prefix + name);
    if (tensor?.dtype !== "float32" || String(tensor.shape) !== String(shape)) {
      throw new DataError(
        `the checkpoint does not fit this training: expected float32 [${shape}] for ${prefix}${name}. ` +
          "Restore it, or begin a new run",
      );
    }
    weights.set(name, { dtype: "float32", shape, data: tensor.toBytes() });
    tensor.dispose();
  }
  return weights;
}
