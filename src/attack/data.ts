// The pirate's data and those of the model's own classes: read, and checked against each other.
import { existsSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import {
  assertLabelled,
  assertLabels,
  assertSeveralClasses,
  type DataOptions,
  fingerprint,
  type LoadOptions,
  loadData,
  parseDataSpec,
  readingFlags,
} from "../data/index.ts";
import { DataError, UsageError } from "../errors.ts";
import {
  assertNoDoubt,
  assertNoDoubtOfTraining,
  judge,
  OnnxClassifier,
} from "../evaluate/index.ts";
import type { Graph } from "../graph/graph.ts";
import { encodeModel } from "../onnx/index.ts";
import { behead } from "./head.ts";
import type { AttackKind } from "./names.ts";
import type { AttackOptions, ResolvedAttackOptions } from "./options.ts";
import { type Inputs, type LabelledData, taskOf } from "./scene.ts";
import type { Target } from "./target.ts";

/** Reads data with labels. Throws DataError where there are none, or fewer than two classes. */
export async function loadLabelled(spec: string, options: LoadOptions): Promise<LabelledData> {
  const { train, test, notes = [] } = await loadData(spec, options);
  assertLabelled(train, "an attack");
  assertLabelled(test, "an attack");
  assertSeveralClasses(train);
  return { train, test, notes };
}

/**
 * The data of the model's own classes, where the kind of attack needs some besides `data`: those given, or those of the
 * run. Throws UsageError where they are not known, are given for nothing, or the new classes are to come from them.
 */
export function sourceOf(
  { kind, data, sourceData }: AttackOptions,
  ofRun: string | undefined,
): string | undefined {
  const isOfModel = (spec: string | undefined) => spec !== undefined && isSame(spec, data);
  const known = sourceData ?? ofRun;
  if (kind === "extraction") return isOfModel(known) ? undefined : known;
  if (isOfModel(sourceData) || isOfModel(ofRun)) {
    throw new UsageError(
      `--data: expected classes that the model does not know, but ${data} are its own`,
    );
  }
  if (kind === "transfer") {
    if (sourceData === undefined) return undefined;
    throw new UsageError(
      `--source-data: only with --kind incremental or extraction, received ${sourceData} for transfer`,
    );
  }
  if (known !== undefined) return known;
  throw new UsageError(
    "--source-data is missing: expected the data of the classes that the model knows, such as cifar10:DIR",
  );
}

/** Whether two notations name the same data, however their folders are spelled and whatever links lead there. */
function isSame(spec: string, other: string): boolean {
  return realSpec(spec) === realSpec(other);
}

function realSpec(spec: string): string {
  const { format, folder } = parseDataSpec(spec);
  return `${format}:${existsSync(folder) ? realpathSync(folder) : resolve(folder)}`;
}

/** Data by what identifies them, whichever folder they lie in. */
export async function identify(data: string, read: LabelledData): Promise<Identified> {
  return { data, fingerprint: (await fingerprint(read)).data };
}

/** Data as they were named, and what `fingerprint` says of them. */
interface Identified {
  readonly data: string;
  readonly fingerprint: string;
}

/**
 * Throws UsageError where the pirate's data are those of the model's own classes in another folder: those that were read
 * besides, or, but for an extraction, those of the run, whose fingerprint is that of all its images where it held out
 * none and had no others.
 */
export function assertOtherData(
  own: Identified,
  {
    kind,
    source,
    ofRun,
  }: {
    readonly kind: AttackKind;
    readonly source: Identified | undefined;
    readonly ofRun: Identified | undefined;
  },
): void {
  const known = kind === "extraction" ? [source] : [source, ofRun];
  const same = known.find((each) => each?.fingerprint === own.fingerprint);
  if (!same) return;
  const expected =
    kind === "extraction"
      ? "images of another task, or those of the file's own and no others"
      : "classes that the model does not know";
  throw new UsageError(
    `--data: expected ${expected}, but ${own.data} holds the same images as ${same.data}`,
  );
}

/**
 * How data are read: those that the run learned from as it read them, so that it is judged by none of them; others as is
 * asked. Throws UsageError where another reading of the run's own is asked for.
 */
export function readingOf(
  spec: string,
  { source }: Pick<Target, "source">,
  asked: DataOptions,
): DataOptions {
  if (!source || !isSame(spec, source.data)) return asked;
  const { classes } = asked;
  const wanted = { ...asked, ...(typeof classes === "string" && { classes: resolve(classes) }) };
  for (const [key, flag] of Object.entries(readingFlags)) {
    const [found, known] = [wanted, source.reading].map(
      (each) => each[key as keyof typeof readingFlags],
    );
    if (found === undefined || isDeepStrictEqual(found, known)) continue;
    throw new UsageError(
      `${flag}: expected ${known === undefined ? "none" : JSON.stringify(known)}, as the run that made the file read ` +
        `${spec}, received ${JSON.stringify(found)}`,
    );
  }
  return source.reading;
}

/** How data of the model's own classes are read: folders that no run knows as those of the pirate, but for the classes. */
export function readingOfSource(
  spec: string,
  { source }: Pick<Target, "source">,
  { resize, orientation, testShare, channelOrder }: DataOptions,
): DataOptions {
  if (source && isSame(spec, source.data)) return source.reading;
  const isFolder = parseDataSpec(spec).format === "images";
  return {
    ...(channelOrder && { channelOrder }),
    ...(isFolder && resize !== undefined && { resize }),
    ...(isFolder && orientation && { orientation }),
    ...(isFolder && testShare !== undefined && { testShare }),
  };
}

/** Throws DataError where the classes that the model knows are not those of its data, or new ones are among them. */
export function assertKnownClasses(
  inputs: Pick<Inputs, "data" | "source">,
  { graph, kind }: { graph: Graph; kind: AttackKind },
): void {
  const { data } = inputs;
  const known = taskOf(inputs);
  const outputs = behead(graph).head.bias.length;
  for (const part of [known.train, known.test]) assertLabels(part, outputs);
  if (known.train.classes.length !== outputs) {
    throw new DataError(
      `the model has ${outputs} outputs, but ${known.train.name} has ${known.train.classes.length} classes: ` +
        "expected all classes that it knows",
    );
  }
  if (kind !== "incremental") return;
  // Numbers are no names: those of one set mean nothing in another.
  const old = new Set(known.train.classes.filter((name) => !/^\d+$/.test(name)).map(plain));
  const shared = data.train.classes.filter((name) => old.has(plain(name)));
  if (shared.length === 0) return;
  throw new DataError(
    `expected classes that the model does not know yet, but ${data.train.name} and ${known.train.name} both have ` +
      shared.map((name) => JSON.stringify(name)).join(", "),
  );
}

/** Throws DataError where the original's answers to images of its own classes say that it learned others. */
export async function assertShownAsLearned(
  { graph, name }: { readonly graph: Graph; readonly name: string },
  { train, test }: LabelledData,
  given: Pick<ResolvedAttackOptions, "mean" | "std" | "channelOrder" | "threads">,
): Promise<void> {
  const { threads } = given;
  await using classifier = await OnnxClassifier.open(encodeModel(graph), test, { name, threads });
  const showing = { classifier, test, given };
  await assertNoDoubt(showing, await judge(classifier, test, given));
  await assertNoDoubtOfTraining(showing, train);
}

/** A class's name without what only spelling changes. */
function plain(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
}
