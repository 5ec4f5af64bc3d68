// What a job answers once its run is done: the files that it made, its summary read again, and whether it keeps its gates.
import { join } from "node:path";
import { z } from "zod";
import { ownCommand } from "../../native/remedies.mjs";
import { DataError, GateError } from "../errors.ts";
import type { RunFiles, RunFolder } from "../runs/index.ts";
import { parseAs } from "../schema.ts";
import { escapeInvisible, quoteForShell } from "../text.ts";
import type { JobDefinition, RunFacts } from "./definition.ts";
import { runFacts } from "./schema.ts";

type Definition<Decided, Results> = Pick<
  JobDefinition<never, Decided, never, never, Results>,
  "resultSchemas" | "missedGates" | "report"
>;

/** Paths of what a run made. */
export function filesOf(
  { report }: Pick<Definition<never, never>, "report">,
  { directory, files }: RunFolder,
): RunFiles {
  return { ...files, ...(report && { report: join(directory, "report.html") }) };
}

/** The answer of a finished run. Throws DataError where its files are not those that it wrote. */
export async function readAnswer<Results>(
  definition: Pick<Definition<never, Results>, "resultSchemas" | "report">,
  run: RunFolder,
  found: unknown,
): Promise<Results & RunFacts> {
  const schema = z.object({ ...definition.resultSchemas, ...runFacts });
  const { summary, model } = run.files;
  const damaged = (problems: string) =>
    new DataError(`${escapeInvisible(summary)} is no summary of this job:\n  ${problems}`);
  const answer = parseAs(schema, found, damaged) as unknown as Results & RunFacts;
  const sha256 = (await run.modelSha256()) ?? null;
  if (sha256 === answer.modelSha256) return { ...answer, files: filesOf(definition, run) };
  throw new DataError(
    `${escapeInvisible(model)} is not the file that this run wrote; begin a new run`,
  );
}

/** The answer itself. Throws GateError where it misses a gate of the options. */
export function judge<Decided, Results>(
  definition: Pick<Definition<Decided, Results>, "missedGates">,
  summary: Results & RunFacts,
  options: Decided,
): Results & RunFacts {
  const missed = definition.missedGates?.(summary, options) ?? [];
  if (missed.length === 0) return summary;
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
