// The canonical scale: of all positive factors between layers that leave the function as it is, those that make the
// weights into a channel and the weights out of it equally large, after cross-layer equalization (Nagel et al. 2019,
// "Data-free quantization through weight equalization and bias correction", section 4.1). With the Euclidean norm
// for size the sum of all squared weights is at its minimum, which is unique whatever factors the weights had
// before (Stock et al. 2019, "Equi-normalization of neural networks").
import type { Link, LinkedLayer } from "../graph/channelLinks.ts";
import { elementCount, type TensorData } from "../graph/graph.ts";
import { toFloat32 } from "../graph/tensorData.ts";

/** Of each channel of a link, what its layer's weights are multiplied by, and its reader's. */
export interface Factors {
  readonly before: Float64Array;
  readonly after: Float64Array;
}

const mostSweeps = 10_000;
/** Less than float32 tells apart. */
const largestChange = 1e-8;
/**
 * How far a sweep takes each factor, as a power of the step to where the sum is least (successive over-relaxation): of
 * many layers it saves four sweeps in five. The sum is symmetric about there, so that below 2 it falls all the same.
 */
const relaxation = 1.5;

/**
 * Factors of the canonical scale, in the order of the links: `after` is 1 over `before`, and both are 1 on links that
 * are not homogeneous. A channel that is always 0 or that no weight reads gets 0 for both.
 */
export function canonicalFactors(
  links: readonly Link[],
  initializers: ReadonlyMap<string, TensorData>,
): Factors[] {
  const ones = (count: number) => new Float64Array(count).fill(1);
  // Squared, as the weights are in the sums.
  const factors = links.map(({ channels }) => ({ before: ones(channels), after: ones(channels) }));
  const steps = links.flatMap((link, i) => {
    if (!link.isHomogeneous) return [];
    const into = links.findIndex(({ to }) => to.weight === link.from.weight);
    const outOf = links.findIndex(({ from }) => from.weight === link.to.weight);
    const first = squaresOf(link.from, links[into], initializers);
    const last = squaresOf(link.to, link, initializers);
    const bias = link.from.bias && initializers.get(link.from.bias);
    return {
      own: factors[i] as Factors,
      first,
      last,
      biases: bias ? toFloat32(bias) : new Float32Array(link.channels),
      scaleOfInputs: factors[into]?.after ?? ones(first.inputs),
      scaleOfOutputs: factors[outOf]?.before ?? ones(last.outputs),
    };
  });
  for (let sweep = 0; sweep < mostSweeps; sweep++) {
    const changes = steps.map(balance);
    // Not a number where a weight is none: nothing to wait for.
    if (!(Math.max(...changes) >= largestChange)) break;
  }
  const roots = ({ before, after }: Factors) => ({
    before: before.map(Math.sqrt),
    after: after.map(Math.sqrt),
  });
  return factors.map(roots);
}

/** Squared weights of a layer, summed over what belongs to the same output and input channel. */
interface Squares {
  readonly outputs: number;
  readonly inputs: number;
  readonly sums: Float64Array;
}

interface Step {
  readonly own: Factors;
  readonly first: Squares;
  readonly last: Squares;
  readonly biases: Float32Array;
  readonly scaleOfInputs: Float64Array;
  readonly scaleOfOutputs: Float64Array;
}

/** Sets the factors of one link for its neighbours' factors; gives the largest change of a logarithm. */
function balance({ own, first, last, biases, scaleOfInputs, scaleOfOutputs }: Step): number {
  let largest = 0;
  const into = new Float64Array(first.outputs);
  const outOf = new Float64Array(last.inputs);
  for (let o = 0; o < first.outputs; o++) {
    let sum = 0;
    for (let i = 0; i < first.inputs; i++) {
      sum += first.sums[o * first.inputs + i]! * scaleOfInputs[i]!;
    }
    // Without weights the channel is a constant.
    into[o] = sum === 0 ? biases[o]! ** 2 : sum;
  }
  for (let o = 0; o < last.outputs; o++) {
    const scale = scaleOfOutputs[o]!;
    for (let i = 0; i < last.inputs; i++) {
      outOf[i]! += last.sums[o * last.inputs + i]! * scale;
    }
  }
  for (const [i, old] of own.before.entries()) {
    const isDead = into[i] === 0 || outOf[i] === 0;
    const step = Math.sqrt(outOf[i]! / into[i]!) / old;
    own.before[i] = isDead ? 0 : old * step ** relaxation;
    own.after[i] = isDead ? 0 : 1 / own.before[i]!;
    if (own.before[i] !== old)
      largest = Math.max(largest, Math.abs(Math.log(own.before[i]! / old)));
  }
  return largest;
}

function squaresOf(
  { weight, outputAxis, inputAxis }: LinkedLayer,
  { block = 1, repeats = 1 }: Partial<Pick<Link, "block" | "repeats">> = {},
  initializers: ReadonlyMap<string, TensorData>,
): Squares {
  const tensor = initializers.get(weight) as TensorData;
  const { shape } = tensor;
  const [outputs, inputs] = [shape[outputAxis]!, shape[inputAxis]! / (block * repeats)];
  const kernel = elementCount(shape.slice(2));
  const values = toFloat32(tensor);
  const sums = new Float64Array(outputs * inputs);
  for (let row = 0, place = 0; row < shape[0]!; row++) {
    for (let column = 0; column < shape[1]!; column++) {
      const [o, i] = outputAxis === 0 ? [row, column] : [column, row];
      const pair = o * inputs + (Math.floor(i / block) % inputs);
      for (let k = 0; k < kernel; k++) sums[pair]! += values[place++]! ** 2;
    }
  }
  return { outputs, inputs, sums };
}
