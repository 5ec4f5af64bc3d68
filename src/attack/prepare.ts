// Everything that can be checked and decided before an attack starts.
import { type DataFacts, dataFacts } from "../data/index.ts";
import { notesOnFew } from "../evaluate/index.ts";
import { assertPlainPixels } from "../evaluate/inputTypes.ts";
import { wantedShape } from "../evaluate/readOriginal.ts";
import { sha256Of } from "../files.ts";
import type { Graph } from "../graph/graph.ts";
import type { JobTypes, Located, Prepared } from "../jobs/index.ts";
import { modelFileFacts } from "../onnx/index.ts";
import type { JobHooks } from "../runs/index.ts";
import { fileName } from "../text.ts";
import { parseDevice } from "../torch/index.ts";
import { assertBudgets } from "./budget.ts";
import { assertMethods } from "./campaign.ts";
import {
  assertKnownClasses,
  assertOtherData,
  assertShownAsLearned,
  identify,
  loadLabelled,
  readingOf,
  readingOfSource,
  sourceOf,
} from "./data.ts";
import { kinds } from "./kinds.ts";
import { adoptModels, type OfBoth, readModels } from "./models.ts";
import type { AttackKind } from "./names.ts";
import {
  type AttackOptions,
  type AttackResults,
  assertAttackOptions,
  type ResolvedAttackOptions,
  resolveAttackOptions,
} from "./options.ts";
import { assertRelated } from "./relation.ts";
import { drawnFrom, type Inputs, taskOf } from "./scene.ts";
import { findTarget, type Target } from "./target.ts";

/** What was decided before the attack, as config.json of a run and progress events hold it. */
export interface AttackDescription {
  readonly kind: AttackKind;
  readonly data: DataFacts;
  readonly budgets: readonly number[];
  readonly seeds: number;
}

/** The types of the attack job. */
export interface AttackTypes extends JobTypes {
  readonly asked: AttackOptions;
  readonly decided: ResolvedAttackOptions;
  readonly inputs: Inputs;
  readonly description: AttackDescription;
  readonly results: AttackResults;
}

/** Reads and checks both files and the data. Throws UsageError, ModelError and DataError. */
export async function prepare(
  asked: Located<AttackOptions>,
  { signal }: JobHooks = {},
): Promise<Prepared<AttackTypes>> {
  assertAttackOptions(asked);
  const device = parseDevice(asked.device ?? "cpu");
  const target = await findTarget(asked);
  const { original, obfuscated, source: ofRun, ...known } = target;
  const given = { ...known, ...asked, original };
  const sourceData = sourceOf(asked, ofRun?.data);
  const { files, inputs } = await readInputs(given, { target, sourceData, signal });
  const { data, source } = inputs;
  const options = resolveAttackOptions(
    { ...given, ...(sourceData && { sourceData }) },
    { dataset: data.train, device },
  );
  assertPlainPixels(files.original, options, fileName(original));
  assertPlainPixels(files.obfuscated, options, fileName(obfuscated));
  const { kind, budgets, seeds } = options;
  const own = await identify(options.data, data);
  const ofSource = source && sourceData ? await identify(sourceData, source) : undefined;
  assertOtherData(own, { kind, source: ofSource, ofRun });
  await assertFitting(inputs, options);
  const hashes = await Promise.all([original, obfuscated].map(modelFileFacts));
  const sets = ofSource ? [own, ofSource] : [own];
  return {
    options,
    inputs,
    identity: {
      model: sha256Of(...hashes.map(({ sha256 }) => sha256)),
      data: sha256Of(...sets.map((set) => set.fingerprint)),
    },
    description: { kind, data: dataFacts(data, notesOn(inputs, kind)), budgets, seeds },
  };
}

/** Both models and the data, and the models as their files have them. */
async function readInputs(
  given: AttackOptions,
  context: {
    readonly target: Target;
    /** The data of the models' own classes, where they are to be read. */
    readonly sourceData: string | undefined;
    readonly signal: AbortSignal | undefined;
  },
): Promise<{ files: OfBoth<Graph>; inputs: Inputs }> {
  const { target, sourceData, signal } = context;
  const models = { paths: target, output: given.output, signal };
  const files = await readModels(models);
  const data = await loadLabelled(given.data, {
    ...readingOf(given.data, target, given),
    ...wantedShape(files.original),
  });
  const { shape } = data.train;
  const graphs = await adoptModels(files, { ...models, shape });
  const source = sourceData
    ? await loadLabelled(sourceData, { ...readingOfSource(sourceData, target, given), shape })
    : undefined;
  return { files, inputs: { graphs, data, source } };
}

/** Throws UsageError, ModelError or DataError where the options, both models and the data do not fit each other. */
async function assertFitting(inputs: Inputs, options: ResolvedAttackOptions): Promise<void> {
  const { graphs } = inputs;
  const { kind, original, acceptOriginal } = options;
  for (const { train } of drawnFrom(inputs, kind)) assertBudgets(train, options);
  assertMethods(kinds[kind], { inputs, options });
  if (!acceptOriginal) assertRelated(graphs);
  if (kind === "transfer") return;
  assertKnownClasses(inputs, { graph: graphs.obfuscated, kind });
  if (acceptOriginal) return;
  const file = { graph: graphs.original, name: fileName(original) };
  await assertShownAsLearned(file, taskOf(inputs), options);
}

/** What is to be said of the data. */
function notesOn(inputs: Inputs, kind: AttackKind): string[] {
  const ofSource = inputs.source?.notes?.map((note) => `--source-data: ${note}`) ?? [];
  const { test } = drawnFrom(inputs, kind)[0];
  return [...ofSource, ...notesOnFew(test)];
}
