// Where a running job is, for those who watch it from another process: a small file that is written once a second at
// most and goes when the job ends.
import { closeSync, constants, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JobHooks, Phase, ProgressEvent, StepEvent } from "./events.ts";

/** What `progress.json` of a running job holds. */
export interface ProgressRecord {
  readonly phase: Phase | undefined;
  /** The last step of the training, as far as there was one. */
  readonly step: Omit<StepEvent, "type"> | undefined;
}

export const progressFileName = "progress.json";
const millisecondsBetween = 1000;
const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
const newFile = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;

/** Hooks that keep the file beside what the given ones do, and a function that removes it. */
export function keepProgress(
  hooks: JobHooks,
  { directory }: { readonly directory: string },
): { readonly hooks: JobHooks; readonly remove: () => void } {
  const path = join(directory, progressFileName);
  const temporary = `${path}.tmp`;
  let record: ProgressRecord = { phase: undefined, step: undefined };
  let last = Number.NEGATIVE_INFINITY;
  const onProgress = (event: ProgressEvent) => {
    hooks.onProgress?.(event);
    if (event.type === "phase") record = { ...record, phase: event.phase };
    else if (event.type === "step") {
      const { type: _, ...step } = event;
      record = { ...record, step };
    } else return;
    const now = performance.now();
    if (event.type === "step" && now - last < millisecondsBetween) return;
    last = now;
    attempt(() => {
      const file = openSync(temporary, newFile);
      try {
        writeFileSync(file, JSON.stringify(record));
      } finally {
        closeSync(file);
      }
      renameSync(temporary, path);
    });
  };
  return {
    hooks: { ...hooks, onProgress },
    remove: () => {
      for (const each of [path, temporary]) attempt(() => rmSync(each, { force: true }));
    },
  };
}

/** Nobody's training ends because somebody could not watch it. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // The disk may be full, or the folder gone: what the job itself writes will tell.
  }
}
