// Averages of the weights over the last steps of training, which generalize better than the last weights
// (Izmailov et al. 2018, arXiv 1803.05407). The averages are exponential, with a decay that grows up to
// its final value, as in cifar10-airbench (https://github.com/KellerJordan/cifar10-airbench), but they
// do not reach back into training.
import type { Batch, Batches } from "../data/index.ts";
import {
  copyInto,
  full,
  keep,
  noGrad,
  operator,
  scope,
  type Tensor,
  workers,
} from "../torch/index.ts";

const scaleList = operator<undefined>("aten::_foreach_mul_.Scalar");
const addLists = operator<undefined>("aten::_foreach_add_.List");

/** Most batches that the running statistics are measured on. */
const measuredBatches = 100;

/** How running statistics are measured. */
interface Measuring {
  /** Runs the network in training mode, with the batch's weight in the running statistics. */
  readonly forward: (batch: Batch, batchWeight: number) => unknown;
  /** Called after each batch; what it throws ends the measuring. */
  readonly onBatch: () => void;
  /** 100 by default. */
  readonly mostBatches?: number;
}

/** Averages of parameters, on their device. Dispose of it after use. */
export class WeightAverage {
  /** The averages by the parameters' names. */
  readonly state: ReadonlyMap<string, Tensor>;
  readonly #parameters: ReadonlyMap<string, Tensor>;
  readonly #window: number;

  /** `window` is the number of steps that the averages cover. */
  constructor(parameters: ReadonlyMap<string, Tensor>, window: number) {
    this.#parameters = parameters;
    this.#window = window;
    const zero = ({ shape, device }: Tensor) => keep(full(shape, 0, { device }));
    this.state = new Map([...parameters].map(([name, each]) => [name, zero(each)]));
  }

  /**
   * Takes in the parameters after a step, the first of which is 0, with the weight 2 / (n + 1), n being
   * the steps so far or the window where that is less. Weights thus rise linearly until the window is
   * full (Shamir and Zhang 2013, arXiv 1212.1824, with η = 1), and are exponential from then on, with the
   * mean age of a plain mean over the window.
   */
  update(step: number): void {
    const weight = 2 / (Math.min(step + 1, this.#window) + 1);
    const averages = [...this.state.values()];
    noGrad(() => {
      scaleList(averages, 1 - weight);
      addLists(averages, [...this.#parameters.values()], weight);
    });
  }

  /**
   * Gives the parameters their averages. The running statistics on the way do not fit those, so they are
   * measured anew, as `measureStatistics` does it.
   */
  async apply(batches: Batches, options: Measuring): Promise<void> {
    noGrad(() => {
      for (const [name, parameter] of this.#parameters) {
        copyInto(parameter, this.state.get(name)!).dispose();
      }
    });
    await measureStatistics(batches, options);
  }

  dispose(): void {
    for (const tensor of this.state.values()) tensor.dispose();
  }
}

/**
 * Measures the running statistics of batch norm for the present weights, as the mean over batches of training (Wu and
 * Johnson 2021, "Rethinking 'Batch' in BatchNorm", arXiv 2105.07576, section 3).
 */
export async function measureStatistics(
  batches: Batches,
  { forward, onBatch, mostBatches = measuredBatches }: Measuring,
): Promise<void> {
  let measured = 0;
  for await (const batch of batches.epoch(0, { share: workers() })) {
    measured++;
    noGrad(() => scope(() => void forward(batch, 1 / measured)));
    await new Promise(setImmediate); // lets signals in
    onBatch();
    if (measured === mostBatches) break;
  }
}

/** The average over about this share of the steps; undefined where the share is zero, or the steps are none. */
export function averageOf(
  parameters: ReadonlyMap<string, Tensor>,
  { share, steps }: { share: number; steps: number },
): WeightAverage | undefined {
  if (share === 0 || steps === 0) return undefined;
  return new WeightAverage(parameters, Math.max(1, Math.round(share * steps)));
}
