// What learns: parameters and running statistics, the optimizers that move them, and an average that
// follows. Its state is everything that the next step of training depends on.
import { DataError } from "../errors.ts";
import { shorten } from "../text.ts";
import {
  copyInto,
  full,
  keep,
  noGrad,
  type Optimizer,
  operator,
  SharedGradients,
  scope,
  type Tensor,
} from "../torch/index.ts";
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

const addNumber = operator("aten::add_.Scalar");
const finite = operator("aten::isfinite");
const allOf = operator("aten::all");

/** Owns its optimizers and its average, not the parameters. Dispose of it after use. */
export class Learner {
  readonly optimizers: readonly Optimizer[];
  readonly average: WeightAverage | undefined;
  readonly #parameters: Tensors;
  readonly #buffers: Tensors;
  readonly #gradients: SharedGradients;
  /** Steps that were taken: a saved state proves by it how far it is. */
  readonly #steps = keep(full([], 0));

  constructor({ parameters, buffers, optimizers, average }: LearnerParts) {
    this.optimizers = optimizers;
    this.average = average;
    this.#parameters = parameters;
    this.#buffers = buffers;
    this.#gradients = new SharedGradients([...parameters.values()]);
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
    return state.set("steps", this.#steps);
  }

  /** Forgets the gradients. */
  zeroGrad(): void {
    for (const optimizer of this.optimizers) optimizer.zeroGrad();
  }

  /**
   * Adds the gradient of a loss to the parameters', the mean over the workers where several train together. Gives the
   * means of their `values`, which are scalars.
   */
  backward(loss: Tensor, values: readonly Tensor[]): Tensor[] {
    return this.#gradients.backward(loss, values);
  }

  /** Moves the parameters by their gradients, with every learning rate multiplied by `scale`. */
  step(scale: number): void {
    for (const optimizer of this.optimizers) optimizer.step(scale);
    noGrad(() =>
      scope(() => {
        this.average?.update(this.#steps.item());
        addNumber(this.#steps, 1);
      }),
    );
  }

  /** Whether every number of the state is one. */
  isFinite(): boolean {
    const areFinite = (tensor: Tensor) => scope(() => allOf(finite(tensor)).item() !== 0);
    return noGrad(() => [...this.state.values()].every(areFinite));
  }

  /**
   * Copies a state that was saved after so many steps into its own. Throws DataError where it is that of another
   * network or of another step, or where a number in it is none.
   */
  load(saved: Tensors, steps: number): void {
    noGrad(() => {
      for (const [name, target] of this.state) {
        const source = saved.get(name);
        if (source?.dtype !== target.dtype || String(source.shape) !== String(target.shape)) {
          const found = source ? `${source.dtype} [${shorten(String(source.shape))}]` : "nothing";
          const wanted = `${target.dtype} [${target.shape}]`;
          throw unfit(`expected ${wanted} for ${name}, found ${found}`);
        }
        scope(() => copyInto(target, source));
      }
    });
    const taken = this.#steps.item();
    if (taken !== steps)
      throw unfit(`its weights have learned for ${taken} steps, not for ${steps}`);
    if (!this.isFinite()) throw unfit("it holds weights that are no numbers");
  }

  [Symbol.dispose](): void {
    const owned = [...this.optimizers, this.average, this.#gradients, this.#steps];
    for (const each of owned) each?.dispose();
  }
}

function unfit(problem: string): DataError {
  return new DataError(
    `the checkpoint does not fit this training: ${problem}. Restore it, or begin a new run`,
  );
}
