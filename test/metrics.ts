// What a run wrote to its metrics.
import { readFileSync } from "node:fs";

/** The lines of a metrics file without what depends on the time. */
export function metricsIn(path: string): Record<string, unknown>[] {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  return lines.map((line) => {
    const { seconds: _, imagesPerSecond: __, ...rest } = JSON.parse(line);
    return rest;
  });
}
