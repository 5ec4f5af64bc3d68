// Time of a single convolution, forward and backward: libtorch's own beside ours.
import { median } from "../src/averages.ts";
import { grad, scope, type Tensor } from "../src/torch/index.ts";
import { round } from "./report.ts";

type Convolve = (x: Tensor, weight: Tensor) => Tensor;

/** Milliseconds of a convolution with the gradients of its input and its weight. */
function timeOf(convolve: Convolve, inputs: [Tensor, Tensor]): number {
  const start = performance.now();
  scope(() => {
    const y = convolve(...inputs);
    grad([y], inputs, [y.detach()]);
  });
  return performance.now() - start;
}

/** Medians of both sides in turn, and that of how many times as fast ours was in each round. */
export function compareConvolutions(
  sides: Readonly<Record<"libtorch" | "ours", Convolve>>,
  inputs: [Tensor, Tensor],
  rounds: number,
): { milliseconds: { libtorch: number; ours: number }; ratio: number } {
  const times = Array.from({ length: rounds + 1 }, () => ({
    libtorch: timeOf(sides.libtorch, inputs),
    ours: timeOf(sides.ours, inputs),
  })).slice(1); // the first round prepares
  const middle = (value: (round: (typeof times)[number]) => number) =>
    round(median(times.map(value)));
  return {
    milliseconds: {
      libtorch: middle(({ libtorch }) => libtorch),
      ours: middle(({ ours }) => ours),
    },
    ratio: middle(({ libtorch, ours }) => libtorch / ours),
  };
}
