// The records: what was measured, one JSON object a line, in records/*.jsonl (records/README.md). Every table
// of the documents is made of them.
import { appendFileSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { AttackResults } from "../../src/attack/index.ts";
import type { Exposure } from "../../src/exposure/expose.ts";
import type { ModelFigures } from "../../src/obfuscate/options.ts";

/** The repository, from tools/records/ and from where that is compiled to alike. */
export const root = findRoot(dirname(fileURLToPath(import.meta.url)));

/** What every record of a measurement begins with. */
export interface Label {
  /** The group of records that are compared with one another. */
  readonly series: string;
  /** What distinguishes the record in its series. */
  readonly name: string;
  /** What its command does not say. */
  readonly note?: string;
}

/** Figures of a model file, as `deepobf obfuscate --json` prints them. */
export type Figures = Omit<ModelFigures, "accuracyInterval">;

interface Run extends Label {
  readonly command: string;
  readonly epochs: number;
  readonly seed: number;
  readonly device: string;
  readonly precision: string;
  readonly seconds: number;
}

/** What `deepobf obfuscate --json` printed. Early runs lack the figures that are optional here. */
export interface ChainRun extends Run {
  readonly depth: number;
  readonly original: Figures;
  readonly obfuscated: Figures;
  readonly verify: {
    readonly agreement: number;
    readonly logitError?: number;
    readonly trainingLogitError?: number;
  };
  readonly peakMemoryBytes?: number;
}

/** A chain that learned from a part of the training images. */
export interface FewImagesRun extends ChainRun {
  /** How many there were of the task, and how many from elsewhere. */
  readonly images: number;
  readonly elsewhere: number;
  /** Training images that judged it, in place of the test set. */
  readonly heldOut: number;
}

/** What `deepobf train --json` printed. */
export interface ReferenceRun extends Run {
  readonly architecture: string;
  readonly accuracy: number;
  readonly parameters: number;
  readonly macs: number;
}

/** What `deepobf attack --json` printed; the series is the kind, the name that of the networks. */
export interface AttackRun extends Run, AttackResults {}

/**
 * A way to make a chain a bad start, as `npm run resistance` tried it; the series is the original, the name the way. Arms
 * and head start are those of an attack with one recipe; the pirate's method says what he undid.
 */
export interface ResistanceRecord extends Label, Pick<AttackResults, "arms" | "headStart"> {
  readonly depth: number;
  /** Of the way, behind those of the chain that it went on from. */
  readonly epochs: number;
  readonly start?: string;
  readonly seed: number;
  /** On images of the model's own task: those held out where such judge, else the test images. */
  readonly accuracy: number;
  /** What judges: of "search" the test images judged the chain, and the images that chose a rate the pirate. */
  readonly pirate: { readonly epochs: number; readonly judges: "held-out" | "test" | "search" };
}

/** What `deepobf inspect --against --json` printed. */
export interface ExposureRecord extends Label {
  readonly exposure: Exposure;
}

/** What a benchmark printed; the name is the machine's. */
export interface Benchmark extends Label {
  readonly versions: { readonly libtorch: string };
  readonly results: unknown;
}

/** How far a network that was exported by another program is off on libtorch. */
export interface ExportCheck extends Label {
  readonly libtorch: string;
  readonly tolerance: number;
  readonly difference?: number;
  readonly contrast?: number;
}

/** A row noted by hand, of something that no command makes again: the titles and cells of a table. */
export interface Observation {
  readonly series: string;
  readonly row: Readonly<Record<string, string>>;
}

export interface Records {
  readonly results: readonly ChainRun[];
  readonly ablations: readonly ChainRun[];
  readonly fewImages: readonly FewImagesRun[];
  readonly tuning: readonly (ChainRun | ReferenceRun)[];
  readonly attacks: readonly AttackRun[];
  readonly exposures: readonly ExposureRecord[];
  readonly resistance: readonly ResistanceRecord[];
  readonly bench: readonly Benchmark[];
  readonly exports: readonly ExportCheck[];
  readonly observations: readonly Observation[];
  /** The reference models in examples/, named by their files. */
  readonly examples: readonly ReferenceRun[];
}

/** Reads all records of a folder; throws an Error that names the line which is none. */
export function readRecords(folder = join(root, "records")): Records {
  const read = <T>(kind: string, fields: readonly string[]) =>
    readLines<T>(join(folder, `${kind}.jsonl`), fields);
  const chain = ["series", "name", "command", "original", "obfuscated", "verify", "seed"];
  return {
    results: read<ChainRun>("results", chain).map(assertTestSet),
    ablations: read<ChainRun>("ablations", chain),
    fewImages: read<FewImagesRun>("few-images", [...chain, "images", "elsewhere", "heldOut"]),
    tuning: read<ChainRun | ReferenceRun>("tuning", ["series", "name", "command", "seed"]),
    attacks: read<AttackRun>("attacks", ["series", "name", "command", "arms", "headStart"]),
    exposures: read<ExposureRecord>("exposures", ["series", "name", "exposure"]),
    resistance: read<ResistanceRecord>("resistance", ["series", "name", "accuracy", "headStart"]),
    bench: read<Benchmark>("bench", ["series", "name", "versions", "results"]),
    exports: read<ExportCheck>("exports", ["series", "name", "libtorch"]),
    observations: read<Observation>("observations", ["series", "row"]),
    examples: readExamples(join(root, "examples")),
  };
}

/** What `deepobf train --json` printed of each model of a folder, from the JSON file beside it. */
function readExamples(folder: string): ReferenceRun[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(".onnx"));
  return files.map((file) => ({
    series: "examples",
    name: file,
    ...JSON.parse(readFileSync(join(folder, file.replace(/onnx$/, "json")), "utf8")),
  }));
}

/** The records of one file; throws an Error for a line that is not JSON or lacks one of the fields. */
export function readLines<T>(path: string, fields: readonly string[]): T[] {
  const lines = readFileSync(path, "utf8").split("\n");
  if (lines.pop() !== "") throw new Error(`${path}: expected a line feed at the end`);
  return lines.map((line, i) => {
    const record = parse(line);
    const missing = fields.filter((field) => record?.[field] === undefined);
    if (!record || missing.length > 0) {
      const lacks = record ? `an object with ${missing.join(", ")}` : "a JSON object";
      throw new Error(`${path}:${i + 1}: expected ${lacks}, received ${line.slice(0, 80)}`);
    }
    return record as T;
  });
}

/** The records of a series; throws an Error where there is none of that name. */
export function ofSeries<T extends { readonly series: string }>(
  records: readonly T[],
  series: string,
): T[] {
  const found = records.filter((record) => record.series === series);
  if (found.length > 0) return found;
  const known = new Set(records.map((record) => record.series));
  throw new Error(
    `expected the name of a series, one of ${[...known].join(", ")}; received ${series}`,
  );
}

/** Adds a record to a file, in one write: runs of several processes may end at the same time. */
export function appendRecord(path: string, record: object): void {
  appendFileSync(path, `${JSON.stringify(record)}\n`);
}

/** Whether a record is of a chain, not of a reference model. */
export function isChain(run: ChainRun | ReferenceRun): run is ChainRun {
  return "obfuscated" in run;
}

/** Training images that judged the run and were not trained on; 0 where the test set did. */
export function heldOut({ command }: Pick<Run, "command">): number {
  return Number(/ --hold-out (\d+)/.exec(command)?.[1] ?? 0);
}

function assertTestSet(run: ChainRun): ChainRun {
  if (heldOut(run) === 0) return run;
  throw new Error(
    `results.jsonl: ${run.series} ${run.name}, depth ${run.depth}, seed ${run.seed}: expected a run judged ` +
      `by the test set, received one judged by ${heldOut(run)} held-out images (those belong in tuning.jsonl)`,
  );
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function findRoot(folder: string): string {
  const inside = `${join("build", "tools")}`;
  const source = folder.includes(inside) ? folder.slice(0, folder.lastIndexOf(inside)) : "";
  return source === "" ? resolve(folder, "..", "..") : resolve(source);
}
