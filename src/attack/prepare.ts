// Everything that can be checked and decided before an attack starts.
import { type DataFacts, dataFacts } from "../data/index.ts";
import { notesOnFew } from "../evaluate/index.ts";
import { assertPlainPixels } from "../evaluate/inputTypes.ts";
import { wantedShape } from "../evaluate/readOriginal.ts";
import { sha256Of } from "../files.ts";
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
import { adoptModels, readModels } from "./models.ts";
import type { AttackKind } from "./names.ts";
import {
  type AttackOptions,
  type AttackResults,
  assertAttackOptions,
  type ResolvedAttackOptions,
  resolveAttackOptions,
} from "./options.ts";
import { assertRelated } from "./relation.ts";
import { type Inputs, Scene } from "./scene.ts";
import { findTarget } from "./target.ts";

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
  const paths = { original, obfuscated };
  const models = { paths, output: given.output, signal };
  const files = await readModels(models);
  const data = await loadLabelled(asked.data, {
    ...readingOf(asked.data, target, given),
    ...wantedShape(files.original),
  });
  const { shape } = data.train;
  const graphs = await adoptModels(files, { ...models, shape });
  const source = sourceData
    ? await loadLabelled(sourceData, { ...readingOfSource(sourceData, target, given), shape })
    : undefined;
  const options = resolveAttackOptions(
    { ...given, ...(sourceData && { sourceData }) },
    { dataset: data.train, device },
  );
  for (const [file, graph] of Object.entries(files)) {
    assertPlainPixels(graph, options, fileName(paths[file as keyof typeof paths]));
  }
  const inputs = { graphs, data, source };
  const { kind, budgets, seeds } = options;
  const own = await identify(options.data, data);
  const ofSource = source && sourceData ? await identify(sourceData, source) : undefined;
  assertOtherData(own, { kind, source: ofSource, ofRun });
  assertBudgets(data.train, options);
  if (kind === "extraction" && source) assertBudgets(source.train, options);
  assertMethods(kinds[kind](new Scene(inputs, options, { ofFirst() {}, ofAll() {} })), options);
  if (!options.acceptOriginal) assertRelated(graphs);
  if (kind !== "transfer") {
    assertKnownClasses({ data, source }, { graph: graphs.obfuscated, kind });
    if (!options.acceptOriginal) {
      const file = { graph: graphs.original, name: fileName(paths.original) };
      await assertShownAsLearned(file, source ?? data, options);
    }
  }
  const judging = kind === "extraction" && source ? source : data;
  const notesOfSource = source?.notes?.map((note) => `--source-data: ${note}`) ?? [];
  const notes = [...notesOfSource, ...notesOnFew(judging.test)];
  const hashes = await Promise.all(Object.values(paths).map(modelFileFacts));
  const sets = ofSource ? [own, ofSource] : [own];
  return {
    options,
    inputs,
    identity: {
      model: sha256Of(...hashes.map(({ sha256 }) => sha256)),
      data: sha256Of(...sets.map((set) => set.fingerprint)),
    },
    description: { kind, data: dataFacts(data, notes), budgets, seeds },
  };
}
