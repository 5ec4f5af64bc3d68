// What a run would take, without it: everything is checked and planned, a few steps are timed, nothing is written.
import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { countCost } from "../graph/cost.ts";
import { inferShapes } from "../graph/shapes.ts";
import { assertNew, type JobHooks } from "../runs/index.ts";
import { threadsOfEach } from "../workers/launch.ts";
import type { ObfuscateOptions } from "./options.ts";
import { untrainedChain } from "./original.ts";
import { type Description, prepare } from "./prepare.ts";
import { secondsPerEpoch } from "./speed.ts";

/** What a run is expected to take. */
export interface Forecast {
  readonly description: Description;
  readonly epochs: number;
  readonly secondsPerEpoch: number;
  /** Of direct simulation alone; checks and verification come on top. */
  readonly seconds: number;
  /** Most memory of this process so far, with data, models and the state of training. */
  readonly peakMemoryBytes: number;
  /** What the run's folder takes at most, checkpoints included, and what is free where it will be. */
  readonly diskBytes: number;
  readonly freeDiskBytes: number;
}

const noteOnTime =
  "the time is that of direct simulation; in a recursive one, epochs in which parts of the chain learn take another";

/** Weights, their gradients' moments and averages, in each of two checkpoints; and the shipped file. */
const copiesOfWeights = 2 * 4 + 1;
/** Predictions, metrics and report. */
const otherFiles = 2e6;

/**
 * Prepares a run and times some of its steps; of several workers, of one with its share of this machine's processors.
 * Throws what the job would throw before its training.
 */
export async function dryRun(asked: ObfuscateOptions, hooks: JobHooks = {}): Promise<Forecast> {
  const out = resolve(asked.out ?? "runs/dry-run");
  if (asked.out !== undefined) assertNew(out);
  const { workers = 1 } = asked;
  const isSplit = workers > 1 && process.env.OMP_NUM_THREADS === undefined;
  const threads = asked.threads ?? (isSplit ? threadsOfEach(workers) : undefined);
  const located = { ...asked, out, ...(threads !== undefined && { threads }) };
  const { options, inputs, description } = await prepare(located, hooks);
  const perEpoch = await secondsPerEpoch({ options, inputs });
  if (options.simulation === "recursive") hooks.onProgress?.({ type: "note", text: noteOnTime });
  const { sealed } = untrainedChain(inputs);
  const { parameters } = countCost(sealed, inferShapes(sealed));
  const { bavail, bsize } = await statfs(existingAbove(out));
  return {
    description,
    epochs: options.epochs,
    secondsPerEpoch: perEpoch,
    seconds: options.epochs * perEpoch,
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    diskBytes: 4 * parameters * copiesOfWeights + otherFiles,
    freeDiskBytes: bavail * bsize,
  };
}

function existingAbove(path: string): string {
  return existsSync(path) ? path : existingAbove(dirname(path));
}
