// Stopping a training that several workers do: each of them may be told to, and all end after the same step.
import { throwIfStopped } from "../runs/index.ts";
import { agree } from "../torch/index.ts";
import type { Surroundings } from "./stage.ts";

/** Throws InterruptedError on all workers where one of them was told to stop. */
export function throwIfAnyStopped({ hooks, run }: Pick<Surroundings, "hooks" | "run">): void {
  const [isStopped] = agree([hooks.signal?.aborted ?? false]);
  throwIfStopped(hooks, run, isStopped);
}
