// What is attacked: a file and its original, or the run that made one of the other.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { DataError, ModelError, UsageError } from "../errors.ts";
import { modelFileFacts } from "../onnx/index.ts";
import { RunFolder } from "../runs/index.ts";
import { escapeInvisible, quoteForShell } from "../text.ts";
import type { AttackOptions } from "./options.ts";

/** Paths of both files, and what a run's folder knows besides. */
export interface Target {
  readonly obfuscated: string;
  readonly original: string;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  /** The data that the run learned from. */
  readonly sourceData?: string;
}

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
  const summary = await run.readSummary();
  const name = escapeInvisible(directory);
  if (summary === undefined) {
    throw new UsageError(
      `expected a run that is done, but ${name} has no summary.json. To finish it: ` +
        `deepobf resume ${quoteForShell(directory)}`,
    );
  }
  if (!isConfig(config) || !isSummary(summary)) {
    throw new DataError(
      `${name} is not as a run leaves it: expected model, mean, std and data of the run in its config.json, and ` +
        "the SHA-256 of both files in that and in summary.json",
    );
  }
  const { model, mean, std, data } = config.options;
  const obfuscated = join(directory, "model.onnx");
  const original = given ?? model;
  await assertSame(obfuscated, summary.obfuscated.sha256, "the file that this run shipped");
  await assertSame(original, config.identity.model, "the original that this run obfuscated");
  return { obfuscated, original, mean, std, sourceData: data };
}

/** What is read of a run's config.json. */
interface KnownConfig {
  readonly options: {
    readonly model: string;
    readonly mean: readonly number[];
    readonly std: readonly number[];
    readonly data: string;
  };
  readonly identity: { readonly model: string };
}

function isConfig(value: unknown): value is KnownConfig {
  const { options, identity } = value as Partial<KnownConfig>;
  const areNumbers = (list: unknown) =>
    Array.isArray(list) && list.every((each) => typeof each === "number");
  return (
    [options?.model, options?.data, identity?.model].every((each) => typeof each === "string") &&
    areNumbers(options?.mean) &&
    areNumbers(options?.std)
  );
}

interface KnownSummary {
  readonly obfuscated: { readonly sha256: string };
}

function isSummary(value: unknown): value is KnownSummary {
  return typeof (value as Partial<KnownSummary> | null)?.obfuscated?.sha256 === "string";
}

async function assertSame(path: string, expected: string, what: string): Promise<void> {
  const { sha256 } = await modelFileFacts(path);
  if (sha256 === expected) return;
  throw new ModelError(
    `${path} is not ${what}: expected the SHA-256 ${expected}, found ${sha256}. Restore it, or name both files: ` +
      "deepobf attack FILE --original FILE",
  );
}
