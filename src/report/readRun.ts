// A run as its folder tells it, whatever state it is in.
import { basename, join, resolve } from "node:path";
import { DataError, UsageError } from "../errors.ts";
import { sha256Of } from "../files.ts";
import { parseJson } from "../json.ts";
import { mostModelBytes, readConfig } from "../runs/index.ts";
import { sha256OfOwn } from "../runs/ownFiles.ts";
import { fileName } from "../text.ts";
import {
  isMissing,
  type Missing,
  mapPresent,
  notThere,
  parseForm,
  readJson,
  readText,
  whyMissing,
} from "./missing.ts";
import {
  type Config,
  configForm,
  type Epoch,
  type Exposure,
  epochForm,
  exposureForm,
  type PredictionsFile,
  predictionsForm,
  type Summary,
  summaryForm,
} from "./runForms.ts";

/** What a run of `obfuscate` was asked for, and what it answered. */
export interface RunOutcome {
  readonly directory: string;
  readonly name: string;
  readonly config: Config;
  readonly summary: Summary | Missing;
}

/** The same with what was written down while it trained. */
export interface RunCourse extends RunOutcome {
  readonly epochs: Epochs | Missing;
}

/** What the folder of a run of `obfuscate` holds. */
export interface RunRecord extends RunCourse {
  readonly predictions: PredictionsFile | Missing;
  readonly exposure: Exposure | Missing;
  /** SHA-256 of model.onnx. */
  readonly shipped: { readonly sha256: string } | Missing;
}

/** The epochs in metrics.jsonl, and how many lines could not be read. */
export interface Epochs {
  readonly records: readonly Epoch[];
  readonly damaged: number;
}

/**
 * Reads everything in the folder of a run; the model file is hashed. Throws UsageError where it is none of `obfuscate`,
 * and DataError where its config.json is damaged; whatever else is not as it should be is said in its part.
 */
export async function readRun(path: string): Promise<RunRecord> {
  const course = await readCourse(path);
  const { directory, summary } = course;
  return {
    ...course,
    predictions: await readPredictions(join(directory, "predictions.json"), summary),
    exposure: await readJson(join(directory, "exposure.json"), exposureForm),
    shipped: await hashOf(join(directory, "model.onnx")),
  };
}

/** How a run trained. Throws as readRun does. */
export async function readCourse(path: string): Promise<RunCourse> {
  const outcome = await readOutcome(path);
  const read = await readText(join(outcome.directory, "metrics.jsonl"));
  return { ...outcome, epochs: mapPresent(read, ({ text }) => parseEpochs(text)) };
}

/** What a run came to. Throws as readRun does. */
export async function readOutcome(path: string): Promise<RunOutcome> {
  const directory = resolve(path);
  const { job } = await readConfig(directory);
  if (job !== "obfuscate") {
    throw new UsageError(
      `expected the folder of a run of "obfuscate", but ${fileName(directory)} is of ${JSON.stringify(job)}`,
    );
  }
  const config = await readJson(join(directory, "config.json"), configForm);
  if (isMissing(config)) throw new DataError(`${fileName(directory)}: ${config.missing}`);
  const summary = await readJson(join(directory, "summary.json"), summaryForm);
  return { directory, name: basename(directory), config, summary };
}

/** What a line holds that is of no epoch. */
const otherLines = ["calibration", "setback", "trial"];

/** The epochs in the text of a metrics.jsonl. A line that is still being written counts as not there. */
function parseEpochs(text: string): Epochs {
  const lines = text.split("\n").slice(0, -1);
  const records: Epoch[] = [];
  let damaged = 0;
  for (const line of lines) {
    const value = parseLine(line);
    if (value === undefined) damaged++;
    else if (!otherLines.some((key) => key in value)) {
      const { success, data } = epochForm.safeParse(value);
      if (success) records.push(data);
      else damaged++;
    }
  }
  return { records, damaged };
}

function parseLine(line: string): object | undefined {
  const value = parseJson(line);
  return typeof value === "object" && value !== null ? value : undefined;
}

async function readPredictions(
  path: string,
  summary: Summary | Missing,
): Promise<PredictionsFile | Missing> {
  if (isMissing(summary)) return summary;
  const expected = summary.verify.predictionsSha256;
  if (expected === undefined) {
    return { missing: "the run was made by a version that did not keep the answers to each image" };
  }
  const read = await readText(path);
  if (!isMissing(read) && sha256Of(read.text) !== expected) {
    return { missing: "predictions.json is not what the run wrote: its SHA-256 differs" };
  }
  const name = basename(path);
  return mapPresent(read, ({ text }) => parseForm(text, { name, schema: predictionsForm }));
}

async function hashOf(path: string): Promise<{ readonly sha256: string } | Missing> {
  try {
    const sha256 = await sha256OfOwn(path, mostModelBytes);
    return sha256 === undefined ? notThere(path) : { sha256 };
  } catch (error) {
    return whyMissing(path, error);
  }
}
