// What every job does where an option is left open and no data decide it. Help texts say it, so nothing heavy is loaded.
export const jobDefaults = {
  /** Of every channel. */
  mean: 0,
  /** Of every channel. */
  std: 1,
  precision: "auto",
  seed: 0,
  mixup: 0,
  labelSmoothing: 0,
  averageWeights: 0,
  /** Images. */
  holdOut: 0,
  checkpointSeconds: 60,
} as const;
