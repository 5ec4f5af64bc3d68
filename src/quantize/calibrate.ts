// Calibration: which values the tensors of a graph take on images, found by running it in ONNX Runtime.
import { ModelError } from "../errors.ts";
import type { Graph, TensorData } from "../graph/graph.ts";
import { toFloat32 } from "../graph/tensorData.ts";
import { encodeModel } from "../onnx/index.ts";
import { OnnxSession } from "../runtime/index.ts";
import type { Range } from "./affine.ts";

/**
 * Ranges of float32 tensors over all `batches`, which the graph's only input takes. Throws ModelError where a value is
 * not finite.
 */
export async function calibrate(
  graph: Graph,
  tensors: Iterable<string>,
  {
    batches,
    threads,
  }: { batches: AsyncIterable<TensorData> | Iterable<TensorData>; threads: number },
): Promise<Map<string, Range>> {
  const input = graph.inputs[0]!.name;
  const names = [...new Set(tensors)];
  const outputs = names
    .filter((name) => name !== input)
    .map((name) => ({ name, dtype: "float32", shape: undefined }) as const);
  const opened = encodeModel({ ...graph, outputs });
  await using session = await OnnxSession.open(opened, { name: "the chain to quantize", threads });
  const ranges = new Map<string, Range>();
  for await (const batch of batches) {
    const feeds = { [input]: batch };
    const found = { ...feeds, ...(await session.run(feeds)) };
    for (const name of names) ranges.set(name, widen(ranges.get(name), toFloat32(found[name]!)));
  }
  for (const { least, greatest } of ranges.values()) {
    if (Number.isFinite(greatest - least)) continue;
    throw new ModelError(
      `the chain to quantize takes values from ${least} to ${greatest} on training images, where numbers were expected`,
    );
  }
  return ranges;
}

function widen(range: Range | undefined, values: Float32Array): Range {
  let { least, greatest } = range ?? { least: Infinity, greatest: -Infinity };
  for (const value of values) {
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
  }
  return { least, greatest };
}
