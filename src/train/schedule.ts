// Learning-rate schedules: pure functions of the progress of training.

/** Factor of the learning rate when this share of the steps, in [0, 1), is done. */
export type Schedule = (progress: number) => number;

/** Rises linearly from zero over the share `warmUp`, then falls linearly to zero. */
export function linearDecay(warmUp = 0): Schedule {
  return (progress) => (progress < warmUp ? progress / warmUp : (1 - progress) / (1 - warmUp));
}
