// The words of the attacks, which the command line knows before anything heavy is loaded.

export const attackKinds = ["transfer"] as const;

export type AttackKind = (typeof attackKinds)[number];

export const pirateOptimizers = ["sgd", "adamw", "muon"] as const;

export type PirateOptimizer = (typeof pirateOptimizers)[number];

/** The methods of each kind, the one that learns all layers from new rows first. */
export const methodNames = {
  transfer: ["initFC-all", "initFC-half", "initFC-FC", "direct-all", "direct-FC"],
} as const satisfies Readonly<Record<AttackKind, readonly string[]>>;

export const pirateMethods = Object.values(methodNames).flat();
