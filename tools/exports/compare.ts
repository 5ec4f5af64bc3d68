// How far the outputs of a network on libtorch are from those in ONNX Runtime, and whether that proves anything.
import type { TensorData } from "../../src/graph/graph.ts";
import { toFloat32 } from "../../src/graph/tensorData.ts";

export const tolerance = 1e-4;
/** Below this, answers hardly depend on the image. */
const leastContrast = 0.01;

/** Of one output, both over its largest absolute value. */
export interface Comparison {
  readonly difference: number;
  /** Between the first two images; undefined where there is one. */
  readonly contrast: number | undefined;
}

/** Compares an output with what ONNX Runtime gave for so many images. */
export function compareOutputs(
  actual: readonly number[],
  data: TensorData | undefined,
  images: number,
): Comparison {
  const expected = data ? toFloat32(data) : new Float32Array();
  if (actual.length === 0 || actual.length !== expected.length)
    return { difference: Number.NaN, contrast: undefined };
  const largest = most(expected, (value) => value);
  const size = expected.length / images;
  const first = expected.subarray(0, size);
  return {
    difference: most(expected, (value, i) => value - actual[i]!) / largest,
    contrast:
      images < 2 ? undefined : most(first, (value, i) => value - expected[size + i]!) / largest,
  };
}

/** What is recorded of a network's outputs: the largest of each, and whether it passes. */
export function verdict(outputs: readonly Comparison[]) {
  const rounded = (value: number) => Number(value.toPrecision(2));
  const difference = Math.max(...outputs.map((output) => output.difference));
  const contrasts = outputs.flatMap(({ contrast }) => contrast ?? []);
  const contrast = contrasts.length === 0 ? undefined : Math.max(...contrasts);
  const passed = difference <= tolerance && (contrast ?? 1) >= leastContrast;
  return {
    passed,
    difference: rounded(difference),
    ...(contrast !== undefined && { contrast: rounded(contrast) }),
  };
}

/** The largest absolute value; NaN where one is none. */
function most(values: Float32Array, of: (value: number, i: number) => number): number {
  return values.reduce((largest, value, i) => Math.max(largest, Math.abs(of(value, i))), 0);
}
