// The words of the attacks, which the command line knows before anything heavy is loaded.

export const attackKinds = ["transfer", "incremental", "extraction"] as const;

export type AttackKind = (typeof attackKinds)[number];

export const pirateOptimizers = ["sgd", "adamw", "muon"] as const;

export type PirateOptimizer = (typeof pirateOptimizers)[number];

/**
 * The methods of each kind that may be asked for. The first of transfer is the one that random weights leave; those of
 * extraction have one of their own.
 */
export const methodNames = {
  transfer: ["initFC-all", "redrawn-half", "initFC-half", "initFC-FC", "direct-all", "direct-FC"],
  incremental: ["fine-tuning", "learning-without-forgetting", "exemplars"],
  extraction: ["probabilities-same", "labels-same", "probabilities-other", "labels-other"],
} as const satisfies Readonly<Record<AttackKind, readonly string[]>>;

export type TransferMethod = (typeof methodNames)["transfer"][number];
export type ExtractionMethod = (typeof methodNames)["extraction"][number];

export const pirateMethods = Object.values(methodNames).flat();
