// How an option is called: by its key in configurations and in the library, by its flag on the command line.

/** The flag of a key: `--batch-size` of `batchSize`. */
export function flagOf(key: string): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The key of a flag: `batchSize` of `--batch-size`. */
export function keyOf(flag: string): string {
  return flag.slice(2).replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
