// Numbers as 8-bit integers: a real number is scale × (integer - zero point), as QuantizeLinear of ONNX has it.
// Activations have a zero point; weights have none and a scale for each output (Nagel et al. 2021, "A white paper on
// neural network quantization", section 2).
import { channelAt } from "../graph/channelSlices.ts";
import type { TensorData } from "../graph/graph.ts";
import { fromFloat32, fromNumbers, roundHalfToEven, toFloat32 } from "../graph/tensorData.ts";
import { largest as largestOf } from "../lists.ts";

/** Least and greatest value of a tensor. */
export interface Range {
  readonly least: number;
  readonly greatest: number;
}

/** What maps real numbers onto int8. */
export interface Affine {
  readonly scale: number;
  readonly zeroPoint: number;
}

const steps = 255;
const lowest = -128;
const largestWeight = 127;
const largestBias = 2 ** 30;

/** Scale and zero point of activations: the range, widened to hold 0, which padding must hit exactly. */
export function affineOf({ least, greatest }: Range): Affine {
  const [from, to] = [Math.min(least, 0), Math.max(greatest, 0)];
  const scale = Math.fround((to - from) / steps) || 1;
  return { scale, zeroPoint: Math.round(lowest - from / scale) };
}

/** A layer's weights and bias as integers; real numbers are theirs times the scales of their output. */
export interface IntegerLayer {
  readonly weight: TensorData;
  readonly weightScales: TensorData;
  readonly bias: TensorData | undefined;
  readonly biasScales: TensorData;
}

/**
 * Weights as int8 from -127 to 127 and biases as int32, whose scale is that of the weights times the input's. `outputAxis`
 * is the weights' axis of outputs.
 */
export function quantizeLayer(
  { weight, bias }: { weight: TensorData; bias: TensorData | undefined },
  { outputAxis, inputScale }: { outputAxis: number; inputScale: number },
): IntegerLayer {
  const outputs = weight.shape[outputAxis]!;
  const outputOf = channelAt(weight.shape, { axis: outputAxis }, outputs);
  const values = toFloat32(weight);
  const largest = new Float64Array(outputs);
  for (const [place, value] of values.entries()) {
    const output = outputOf(place);
    largest[output] = Math.max(largest[output]!, Math.abs(value));
  }
  const biases = bias && toFloat32(bias);
  const ofAll = largestOf(largest) || 1;
  const scales = Float32Array.from(largest, (most, output) => {
    // Weights far below their bias must leave it room.
    const room = Math.abs(biases?.[output] ?? 0) / (largestBias * inputScale);
    return Math.max((most || ofAll) / largestWeight, room);
  });
  const biasScales = scales.map((scale) => scale * inputScale);
  const integers = (real: Float32Array, scaleOf: (place: number) => number) =>
    Float64Array.from(real, (value, place) => roundHalfToEven(value / scaleOf(place)));
  return {
    weight: fromNumbers(
      "int8",
      weight.shape,
      integers(values, (place) => scales[outputOf(place)]!),
    ),
    weightScales: fromFloat32([outputs], scales),
    bias:
      biases &&
      fromNumbers(
        "int32",
        [outputs],
        integers(biases, (o) => biasScales[o]!),
      ),
    biasScales: fromFloat32([outputs], biasScales),
  };
}
