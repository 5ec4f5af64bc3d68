// What an attack does where an option is left open. Help texts say it, so nothing heavy is loaded.

/** Shares of the pirate's images. */
export const defaultBudgets: readonly number[] = [0.01, 0.1, 1];

/** Number of seeds that the best recipe is run with. */
export const defaultSeeds = 3;

/** Passes over the pirate's images. */
export const defaultEpochs = 40;
