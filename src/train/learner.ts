// What learns: parameters and running statistics, the optimizers that move them, and an average that
// follows. Its state is everything that the next step of training depends on.
import { copyInto, noGrad, type Optimizer, type Tensor } from "../torch/index.ts";
import type { WeightAverage } from "./averaging.ts";

type Tensors = ReadonlyMap<string, Tensor>;

interface LearnerParts {
  readonly parameters: Tensors;
  /** Running statistics, by name. */
  readonly buffers: Tensors;
  readonly optimizers: readonly Optimizer[];
  /** None by default. */
  readonly average?: WeightAverage | undefined;
}

/** Owns its optimizers and its average, not the parameters. Dispose of it after use. */
export class Learner {
  readonly optimizers: readonly Optimizer[];
  readonly average: WeightAverage | undefined;
  readonly #parameters: Tensors;
  readonly #buffers: Tensors;

  constructor({ parameters, buffers, optimizers, average }: LearnerParts) {
    this.optimizers = optimizers;
    this.average = average;
    this.#parameters = parameters;
    this.#buffers = buffers;
  }

  /** The live tensors by name, not copies. */
  get state(): Map<string, Tensor> {
    const state = new Map<string, Tensor>();
    const add = (prefix: string, tensors: Tensors) => {
      for (const [name, tensor] of tensors) state.set(`${prefix}.${name}`, tensor);
    };
    add("parameter", this.#parameters);
    add("buffer", this.#buffers);
    for (const [i, optimizer] of this.optimizers.entries()) add(`optimizer${i}`, optimizer.state);
    if (this.average) add("average", this.average.state);
    return state;
  }

  /** Copies saved tensors into its own, and frees them. Throws RangeError where one is missing. */
  load(saved: Tensors): void {
    noGrad(() => {
      for (const [name, target] of this.state) {
        const source = saved.get(name);
        if (!source) throw new RangeError(`the checkpoint lacks ${name}`);
        copyInto(target, source).dispose();
        source.dispose();
      }
    });
  }

  [Symbol.dispose](): void {
    for (const owned of [...this.optimizers, this.average]) owned?.dispose();
  }
}
