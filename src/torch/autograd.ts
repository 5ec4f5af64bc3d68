// Automatic differentiation.
import { native } from "./native.ts";
import { keep } from "./scope.ts";
import { Tensor } from "./tensor.ts";

/** Makes a leaf that requires a gradient, with the same memory, and keeps it out of every scope. */
export function parameter(values: Tensor): Tensor {
  const leaf = values.detach();
  native.setRequiresGrad(leaf.handle, true);
  return keep(leaf);
}

/** Adds the gradient of a scalar to the `grad` of every leaf that it depends on. */
export function backward(loss: Tensor): void {
  native.backward(loss.handle);
}

/**
 * Gradients of `outputs` with respect to `inputs`; zeros for an input that nothing depends on.
 * `gradOutputs` weighs the outputs' elements and may be left out where the outputs are scalars.
 */
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  gradOutputs: readonly Tensor[] = [],
): Tensor[] {
  const handles = native.grad(handlesOf(outputs), handlesOf(inputs), handlesOf(gradOutputs));
  return handles.map((handle) => new Tensor(handle));
}

/** Forgets the accumulated gradients. */
export function clearGradients(tensors: readonly Tensor[]): void {
  native.clearGradients(handlesOf(tensors));
}

/** Runs `body` without recording operations for gradients. */
export function noGrad<T>(body: () => T): T {
  return native.withoutGrad(body);
}

/** Like noGrad and faster; its tensors can never take part in a recorded operation. */
export function inferenceMode<T>(body: () => T): T {
  return native.inInferenceMode(body);
}

function handlesOf(tensors: readonly Tensor[]): number[] {
  return tensors.map((tensor) => tensor.handle);
}
