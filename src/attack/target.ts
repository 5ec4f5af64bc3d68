// What is attacked: a file and its original, or the run that made one of the other.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { ModelError, UsageError } from "../errors.ts";
import type { ObfuscateSummary } from "../obfuscate/index.ts";
import type { ResolvedOptions as ObfuscationOptions } from "../obfuscate/options.ts";
import { modelFileFacts } from "../onnx/index.ts";
import { RunFolder } from "../runs/index.ts";
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
 * Finds both files. Throws UsageError where the original is not known or the run is not done, and ModelError where a file
 * is not the one that the run used or made.
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
  const summary = (await run.readSummary()) as ObfuscateSummary | undefined;
  if (!summary) {
    throw new UsageError(
      `expected a run that is done, but ${directory} has no summary.json. To finish it: deepobf resume ${directory}`,
    );
  }
  const { options, identity } = config as {
    readonly options: ObfuscationOptions;
    readonly identity: { readonly model: string };
  };
  const obfuscated = join(directory, "model.onnx");
  const original = given ?? options.model;
  await assertSame(obfuscated, summary.obfuscated.sha256, "the file that this run shipped");
  await assertSame(original, identity.model, "the original that this run obfuscated");
  const { mean, std, data } = options;
  return { obfuscated, original, mean, std, sourceData: data };
}

async function assertSame(path: string, expected: string, what: string): Promise<void> {
  const { sha256 } = await modelFileFacts(path);
  if (sha256 === expected) return;
  throw new ModelError(
    `${path} is not ${what}: expected the SHA-256 ${expected}, found ${sha256}. Restore it, or name both files: ` +
      "deepobf attack FILE --original FILE",
  );
}
