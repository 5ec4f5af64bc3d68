// Rehearses in a process of its own what this one is about to do with the model.
import { InterruptedError } from "../errors.ts";
import type { WantedShape } from "../evaluate/readOriginal.ts";
import { runIsolated } from "../isolate/run.ts";
import type { JobHooks } from "../runs/index.ts";
import type { RehearsalOptions } from "./rehearsal.ts";

/** What a rehearsal found. */
export interface Rehearsal {
  /** The images' shape, as far as the file says it. */
  readonly wanted: WantedShape;
  /** Why the model cannot be obfuscated; undefined where it can. */
  readonly refusal: Error | undefined;
}

/** Does what the job is about to do with the model, and runs it once. Throws InterruptedError alone. */
export async function rehearseApart(
  { model, output, boundary, depth, maxMacs, quantize, shape }: RehearsalOptions,
  { signal }: JobHooks,
): Promise<Rehearsal> {
  const options = { model, output, boundary, depth, maxMacs, quantize, shape };
  let wanted: WantedShape = {};
  const onEvent = (event: unknown) => {
    wanted = event as WantedShape;
  };
  const rehearsal = { module: "obfuscate/rehearsal.js", name: "rehearse" };
  try {
    await runIsolated(rehearsal, { options, model, signal, onEvent });
    return { wanted, refusal: undefined };
  } catch (error) {
    if (error instanceof InterruptedError) throw error;
    return { wanted, refusal: error as Error };
  }
}

/** Throws what a rehearsal was refused for. */
export function throwIfRefused({ refusal }: Rehearsal): void {
  if (refusal) throw refusal;
}
