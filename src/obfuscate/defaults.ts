// What the main job does where an option is left open. Help texts say it, so nothing heavy is loaded.

/** Number of convolutions of the chain. */
export const defaultDepth = 7;

/** Share of the last steps in which the classifier learns as well. */
export const defaultTuneClassifier = 0;

/** The joint loss, but for what every training job decides. Its terms say more in jointLoss.ts. */
export const defaultLoss = {
  featureWeight: 1,
  labelWeight: 0.5,
  distillationWeight: 1,
  temperature: 4,
} as const;
