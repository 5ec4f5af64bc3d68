// What convolutions of our own give no gradient.
import { expect } from "vitest";
import { backward, parameter, sum, type Tensor } from "../../src/torch/index.ts";

/** Expects gradients for a learned weight and for learned features, and none for what is frozen beside them. */
export function expectNoneForFrozen(
  convolve: (x: Tensor, weight: Tensor) => Tensor,
  { x, weight }: { x: Tensor; weight: Tensor },
): void {
  const [learned, features] = [parameter(weight.detach()), parameter(x.detach())];
  backward(sum(convolve(x, learned)));
  backward(sum(convolve(features, weight)));
  expect(learned.grad).toBeDefined();
  expect(features.grad).toBeDefined();
  expect([x.grad, weight.grad]).toEqual([undefined, undefined]);
}
