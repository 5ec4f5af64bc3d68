// What a user asks of an attack, and what it answers.
import { resolve } from "node:path";
import { assertShareable, type Dataset } from "../data/index.ts";
import { UsageError } from "../errors.ts";
import {
  assertDistinct,
  type Located,
  type ResolvedRunOptions,
  type RunFacts,
  type RunOptions,
  resolveRunOptions,
  resolveSpec,
} from "../jobs/index.ts";
import type { Device } from "../torch/index.ts";
import { defaultBudgets, defaultEpochs, defaultSeeds } from "./defaults.ts";
import type { Arm, HeadStart } from "./headStart.ts";
import { type AttackKind, attackKinds, methodNames, pirateOptimizers } from "./names.ts";
import type { GridOptions } from "./recipes.ts";

/** Options of `deepobf attack`. */
export interface AttackOptions extends RunOptions, GridOptions {
  /** The stolen ONNX file, or the folder of the run that made it. */
  readonly model: string;
  /** The original, an ONNX file; a run's folder knows its own. */
  readonly original?: string;
  /** The original's output that tells the classes apart; that of the run, or found in the file, by default. */
  readonly output?: string;
  readonly kind: AttackKind;
  /** Data of the model's own classes. */
  readonly sourceData?: string;
  /** Shares of the pirate's data, each an attack of its own; 0.01, 0.1 and 1 by default. */
  readonly budgets?: readonly number[];
  /** Number of seeds that the best recipe is run with; 3 by default. */
  readonly seeds?: number;
  /** Goes on although the original does not seem to be the file's. */
  readonly acceptOriginal?: boolean;
}

/** The options with everything decided, as the folder of a run keeps them. */
export type ResolvedAttackOptions = AttackOptions &
  ResolvedRunOptions & {
    readonly original: string;
    readonly budgets: readonly number[];
    readonly seeds: number;
  };

/** What an attack finds out. */
export interface AttackResults {
  readonly kind: AttackKind;
  readonly arms: readonly Arm[];
  readonly headStart: readonly HeadStart[];
}

/** What `deepobf attack --json` prints. */
export type AttackSummary = AttackResults & RunFacts;

/** Throws UsageError for options that are wrong whatever the files and the data are. */
export function assertAttackOptions(options: AttackOptions): void {
  const { kind, budgets, methods = [] } = options;
  if (!attackKinds.includes(kind)) {
    throw new UsageError(`--kind: expected one of ${attackKinds.join(", ")}, received ${kind}`);
  }
  const areShares = budgets?.every((budget) => budget > 0 && budget <= 1) ?? true;
  if (!areShares || budgets?.length === 0) {
    throw new UsageError(
      `--budgets: expected shares above 0 and up to 1, received ${budgets?.join(",") || "none"}`,
    );
  }
  assertSome("--optimizers", options.optimizers, `of ${pirateOptimizers.join(", ")}`);
  assertSome("--learning-rates", options.learningRates, "numbers above 0");
  assertDistinct({
    "--budgets": budgets,
    "--methods": methods,
    "--optimizers": options.optimizers,
    "--learning-rates": options.learningRates,
  });
  const known: readonly string[] = methodNames[kind];
  const unknown = methods.filter((method) => !known.includes(method));
  if (unknown.length === 0) return;
  throw new UsageError(
    `--methods: expected some of ${known.join(", ")} for --kind ${kind}, received ${unknown.join(", ")}`,
  );
}

function assertSome(flag: string, list: readonly unknown[] | undefined, expected: string): void {
  if (list?.length !== 0) return;
  throw new UsageError(`${flag}: expected one or more ${expected}, received none`);
}

/** Decides what is open. Throws UsageError for options that do not fit the images or the machine. */
export function resolveAttackOptions(
  options: Located<AttackOptions> & { readonly original: string },
  { dataset, device }: { readonly dataset: Dataset; readonly device: Device },
): ResolvedAttackOptions {
  const { batchSize, workers = 1 } = options;
  const { epochs = defaultEpochs, budgets = defaultBudgets, seeds = defaultSeeds } = options;
  if (batchSize !== undefined)
    assertShareable({ batch: batchSize, dropLast: true }, { size: workers });
  return {
    ...options,
    ...resolveRunOptions({ ...options, epochs }, { dataset, device }),
    model: resolve(options.model),
    original: resolve(options.original),
    ...(options.sourceData && { sourceData: resolveSpec(options.sourceData) }),
    budgets,
    seeds,
  };
}
