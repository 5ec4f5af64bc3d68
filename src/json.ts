// JSON out of files that a stranger may have written.

/** Levels of nesting that no file of DeepObf comes to; what walks more of them runs out of stack. */
const mostLevels = 100;

/** The value of a JSON text; undefined where it is none, or nested deeper than any file of DeepObf. */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isDeeperThan(mostLevels, value) ? undefined : value;
  } catch {
    return undefined;
  }
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeperThan(levels - 1, each));
}
