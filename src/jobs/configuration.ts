// config.json of a run: what was asked for, what was decided, and from what.
import { z } from "zod";
import { configError } from "../runs/index.ts";
import { parseAs } from "../schema.ts";
import type { Identity } from "./definition.ts";

/** What config.json of a run holds. */
export interface Config<Decided> {
  readonly job: string;
  readonly options: Decided;
  readonly identity: Identity;
  readonly description: object;
  readonly versions: Readonly<Record<string, string>>;
}

/** The configuration that the file at a path holds. Throws UsageError where it is none of a job with such options. */
export function parseConfig<Decided>(
  value: unknown,
  { path, optionsSchema }: { path: string; optionsSchema: z.ZodType<Decided> },
): Config<Decided> {
  const schema = z.strictObject({
    job: z.string(),
    options: optionsSchema,
    identity: z.strictObject({ model: z.exactOptional(z.string()), data: z.string() }),
    description: z.looseObject({}),
    versions: z.record(z.string(), z.string()),
  });
  return parseAs(schema, value, (problems) => configError(path, problems));
}
