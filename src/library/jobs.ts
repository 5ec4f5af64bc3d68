// The jobs, by the names that the command line and config.json of a run call them by. Each is loaded where it is needed.
import { UsageError } from "../errors.ts";
import type { RunConfig } from "../runs/runFolder.ts";
import { escapeInvisible } from "../text.ts";

export const jobs = {
  train: async () => (await import("../jobs/index.ts")).referenceJob,
  obfuscate: async () => (await import("../obfuscate/index.ts")).obfuscationJob,
  attack: async () => (await import("../attack/index.ts")).attackJob,
} as const;

export type JobName = keyof typeof jobs;

/** The configuration of a run of one of the jobs. Throws UsageError where the folder is of none. */
export async function readJobConfig(
  directory: string,
): Promise<RunConfig & { readonly job: JobName }> {
  const { readConfig } = await import("../runs/index.ts");
  const { job, options } = await readConfig(directory);
  if (isJobName(job)) return { job, options };
  const known = Object.keys(jobs).join(" or ");
  throw new UsageError(
    `expected the folder of a run of ${known}, but ${escapeInvisible(directory)} is of "${escapeInvisible(job)}"`,
  );
}

function isJobName(name: string): name is JobName {
  return Object.hasOwn(jobs, name);
}
