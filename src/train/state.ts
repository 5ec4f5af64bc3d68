// Everything that the next step of training depends on, as named tensors: parameters, running
// statistics, what the optimizers remember, and averages of the parameters.
import type { Network } from "../engine/index.ts";
import { copyInto, noGrad, type Optimizer, type Tensor } from "../torch/index.ts";
import type { WeightAverage } from "./averaging.ts";

/** What training changes. */
export interface Learner {
  readonly network: Pick<Network, "parameters" | "buffers">;
  readonly optimizers: readonly Optimizer[];
  readonly average?: WeightAverage | undefined;
}

/** The live tensors, not copies. */
export function trainingState({ network, optimizers, average }: Learner): Map<string, Tensor> {
  const state = new Map<string, Tensor>();
  const add = (prefix: string, tensors: ReadonlyMap<string, Tensor>) => {
    for (const [name, tensor] of tensors) state.set(`${prefix}.${name}`, tensor);
  };
  add("parameter", network.parameters);
  add("buffer", network.buffers);
  for (const [i, optimizer] of optimizers.entries()) add(`optimizer${i}`, optimizer.state);
  if (average) add("average", average.state);
  return state;
}

/** Copies saved tensors into those of a learner, and frees them. Throws where one is missing. */
export function loadState(saved: ReadonlyMap<string, Tensor>, learner: Learner): void {
  noGrad(() => {
    for (const [name, target] of trainingState(learner)) {
      const source = saved.get(name);
      if (!source) throw new RangeError(`the checkpoint lacks ${name}`);
      copyInto(target, source).dispose();
      source.dispose();
    }
  });
}
