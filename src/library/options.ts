// What callers may ask of the library's functions, by name and kind: a caller without types is told of a slip before
// anything is read.
import { z } from "zod";
import { UsageError } from "../errors.ts";
import { jobOptions, readingOptions } from "../jobs/schema.ts";
import { parseAs } from "../schema.ts";

const model = z.union([z.string().min(1), z.instanceof(Uint8Array)], "expected a path or bytes");
const data = z.string().min(1);
const device = z.string().regex(/^(cpu|cuda(:\d{1,3})?)$/, "expected cpu, cuda or cuda:N");
const { mean, std, threads, seed } = jobOptions;
const inputShape = z.array(z.int().min(1));
const output = z.string();

/** Decided options as a caller gives them: any may be left open. */
function open(decided: z.ZodRawShape, needed: z.ZodRawShape) {
  const precision = z.enum(["auto", "f32", "bf16"]);
  return z
    .strictObject({ ...decided, device, precision })
    .partial()
    .extend(needed);
}

const schemas = {
  obfuscate: async () => {
    const { resolvedOptions } = await import("../obfuscate/schema.ts");
    return open({ ...resolvedOptions.shape, minutes: z.number().positive() }, { model, data });
  },
  attack: async () => {
    const { resolvedOptions } = await import("../attack/schema.ts");
    return open(resolvedOptions.shape, { model, data, kind: z.string() });
  },
  train: async () => open(jobOptions, { data, architecture: z.string() }),
  evaluate: async () =>
    z
      .strictObject({ ...readingOptions, output, runtime: z.enum(["ort", "torch"]) })
      .extend({ mean, std, device, threads, onProgress: z.function(), onNote: z.function() })
      .partial()
      .extend({ model, data }),
  check: async () =>
    z.strictObject({ inputShape, seed, device, threads }).partial().extend({ model }),
  inspect: async () => z.strictObject({ inputShape, output }).partial().extend({ model }),
} as const;

const hooksSchema = z
  .object({ onProgress: z.function(), signal: z.instanceof(AbortSignal) })
  .partial();

/** Throws UsageError that names each hook which there is not, or which is of another kind. */
export function assertHooks(name: string, hooks: object = {}): void {
  // An object of a class may have more than the hooks; in a plain one more is a slip.
  const isPlain = hooks?.constructor === Object;
  parseAs<object>(isPlain ? hooksSchema.strict() : hooksSchema, hooks, (problems) => {
    return new UsageError(`${name} cannot take these hooks:\n  ${problems}`);
  });
}

/**
 * The options that are given: what is undefined counts as left out, and may not stand in for a default. Throws
 * UsageError that names each option which the function does not have, needs, or has of another kind.
 */
export async function givenOptions<Options extends object>(
  name: keyof typeof schemas,
  options: Options,
): Promise<Options> {
  const entries = Object.entries(options ?? {}).filter(([, value]) => value !== undefined);
  const given = Object.fromEntries(entries);
  parseAs<object>(await schemas[name](), given, (problems) => {
    return new UsageError(`${name} cannot take these options:\n  ${problems}`);
  });
  return given as Options;
}
