// What is attacked: a file and its original, or the run that made one of the other.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ownCommand } from "../../native/remedies.mjs";
import type { DataOptions } from "../data/index.ts";
import { DataError, ModelError, UsageError } from "../errors.ts";
import { readingOptions } from "../jobs/index.ts";
import { modelFileFacts } from "../onnx/index.ts";
import { configError, RunFolder } from "../runs/index.ts";
import { parseAs, sha256Text } from "../schema.ts";
import { escapeInvisible, quoteForShell } from "../text.ts";
import type { AttackOptions } from "./options.ts";

/** Paths of both files, and what a run's folder knows besides. */
export interface Target {
  readonly obfuscated: string;
  readonly original: string;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  /** The original's output that the run took for the classes, where it was told one. */
  readonly output?: string;
  readonly channelOrder?: "rgb" | "bgr";
  /** The data that the run learned from, how they are read, and what `fingerprint` says of them. */
  readonly source?: {
    readonly data: string;
    readonly reading: DataOptions;
    readonly fingerprint: string;
  };
}

const numbers = z.array(z.number());

/** What must be known of a run. */
const knownConfig = z.looseObject({
  options: z.looseObject({
    model: z.string(),
    data: z.string(),
    mean: numbers,
    std: numbers,
    output: z.exactOptional(z.string()),
    ...readingOptions,
  }),
  identity: z.looseObject({ model: sha256Text, data: sha256Text }),
});
const knownSummary = z.looseObject({ obfuscated: z.looseObject({ sha256: sha256Text }) });

/**
 * Finds both files. Throws UsageError where the original is not known or the run is not done, DataError where its
 * folder was changed, and ModelError where a file is not the one that the run used or made.
 */
export async function findTarget({ model, original }: AttackOptions): Promise<Target> {
  if (existsSync(model) && statSync(model).isDirectory()) return targetOfRun(model, original);
  if (original !== undefined) return { obfuscated: model, original };
  throw new UsageError(
    "--original is missing: expected the ONNX file that MODEL was made of; only the folder of a run knows its own",
  );
}

async function targetOfRun(directory: string, given: string | undefined): Promise<Target> {
  const { run, config } = await RunFolder.open(directory, "obfuscate");
  const answer = await run.readSummary();
  const name = escapeInvisible(directory);
  if (answer === undefined) {
    throw new UsageError(
      `expected a run that is done, but ${name} has no summary.json. To finish it: ` +
        `${ownCommand} resume ${quoteForShell(directory)}`,
    );
  }
  const { options, identity } = parseAs(knownConfig, config, (problems) =>
    configError(run.files.config, problems),
  );
  const summary = parseAs(knownSummary, answer, (problems) => {
    const path = escapeInvisible(run.files.summary);
    return new DataError(`${path} is no summary of an obfuscation:\n  ${problems}`);
  });
  const { model, mean, std, data, channelOrder, output } = options;
  const obfuscated = join(directory, "model.onnx");
  if (given === undefined && !existsSync(model)) {
    throw new UsageError(
      `--original is missing: ${escapeInvisible(model)}, which ${name} was made of, is no longer there (one that the ` +
        "library got as bytes goes once the run is done): name a copy of it",
    );
  }
  const original = given ?? model;
  await assertSame(obfuscated, summary.obfuscated.sha256, "the file that this run shipped");
  await assertSame(original, identity.model, "the original that this run obfuscated");
  const reading = z.object(readingOptions).parse(options);
  const source = { data, reading, fingerprint: identity.data };
  const told = { ...(output && { output }), ...(channelOrder && { channelOrder }) };
  return { obfuscated, original, mean, std, ...told, source };
}

async function assertSame(path: string, expected: string, what: string): Promise<void> {
  const { sha256 } = await modelFileFacts(path);
  if (sha256 === expected) return;
  throw new ModelError(
    `${path} is not ${what}: expected the SHA-256 ${expected}, found ${sha256}. Restore it, or name both files: ` +
      `${ownCommand} attack FILE --original FILE`,
  );
}
