// Everything that the next step of training depends on, as named tensors: parameters, running
// statistics, and what the optimizers remember.
import type { Network } from "../engine/index.ts";
import { copyInto, noGrad, type Optimizer, type Tensor } from "../torch/index.ts";

/** The live tensors, not copies. */
export function trainingState(
  network: Network,
  optimizers: readonly Optimizer[],
): Map<string, Tensor> {
  const state = new Map<string, Tensor>();
  const add = (prefix: string, tensors: ReadonlyMap<string, Tensor>) => {
    for (const [name, tensor] of tensors) state.set(`${prefix}.${name}`, tensor);
  };
  add("parameter", network.parameters);
  add("buffer", network.buffers);
  for (const [i, optimizer] of optimizers.entries()) add(`optimizer${i}`, optimizer.state);
  return state;
}

/** Copies saved tensors into a network and its optimizers, and frees them. Throws where one is missing. */
export function loadState(
  saved: ReadonlyMap<string, Tensor>,
  network: Network,
  optimizers: readonly Optimizer[],
): void {
  noGrad(() => {
    for (const [name, target] of trainingState(network, optimizers)) {
      const source = saved.get(name);
      if (!source) throw new RangeError(`the checkpoint lacks ${name}`);
      copyInto(target, source).dispose();
      source.dispose();
    }
  });
}
