// The summary of a finished run: the files that it made, what it holds when it is read again, and its gates.
import { join } from "node:path";
import { z } from "zod";
import { ownCommand } from "../../native/remedies.mjs";
import { DataError, GateError } from "../errors.ts";
import type { RunFiles, RunFolder } from "../runs/index.ts";
import { parseAs } from "../schema.ts";
import { escapeInvisible, quoteForShell } from "../text.ts";
import type { JobDefinition, JobTypes, RunFacts } from "./definition.ts";
import { runFacts } from "./schema.ts";

/** Paths of what a run made. */
export function filesOf(
  { report }: Pick<JobDefinition<JobTypes>, "report">,
  { directory, files }: RunFolder,
): RunFiles {
  return { ...files, ...(report && { report: join(directory, "report.html") }) };
}

/** The summary of a run from what its file holds. Throws DataError where its files are not those that it wrote. */
export async function summaryOf<J extends JobTypes>(
  definition: JobDefinition<J>,
  run: RunFolder,
  found: unknown,
): Promise<J["results"] & RunFacts> {
  const schema = z.object({ ...definition.resultSchemas, ...runFacts });
  const { summary: path, model } = run.files;
  const damaged = (problems: string) =>
    new DataError(`${escapeInvisible(path)} is no summary of this job:\n  ${problems}`);
  const summary = parseAs(schema, found, damaged) as unknown as J["results"] & RunFacts;
  const sha256 = (await run.modelSha256()) ?? null;
  if (sha256 === summary.modelSha256) return { ...summary, files: filesOf(definition, run) };
  throw new DataError(
    `${escapeInvisible(model)} is not the file that this run wrote; begin a new run`,
  );
}

/** Throws GateError where a summary misses a gate of the options. */
export function assertGates<J extends JobTypes>(
  definition: JobDefinition<J>,
  summary: J["results"] & RunFacts,
  options: J["decided"],
): void {
  const missed = definition.missedGates?.(summary, options) ?? [];
  if (missed.length === 0) return;
  throw new GateError(
    `the run is complete (${summary.files.summary}), but missed:\n  ${missed.join("\n  ")}`,
    { summary },
  );
}

/** What is said where the report of a finished run could not be written. */
export function reportComplaint({ directory }: RunFolder, error: unknown): string {
  return (
    `the run is complete, but its report was not written: ${error instanceof Error ? error.message : error}\n` +
    `To write it: ${ownCommand} report ${quoteForShell(directory)}`
  );
}
