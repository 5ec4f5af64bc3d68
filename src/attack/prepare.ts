// Everything that can be checked and decided before an attack starts.
import {
  assertLabelled,
  type DataFacts,
  dataFacts,
  fingerprint,
  type LoadOptions,
  loadData,
} from "../data/index.ts";
import { DataError } from "../errors.ts";
import { assertPlainPixels } from "../evaluate/inputTypes.ts";
import { readOriginal, wantedShape } from "../evaluate/readOriginal.ts";
import { sha256Of } from "../files.ts";
import { adoptModel } from "../graph/adopt.ts";
import { runIsolated } from "../isolate/run.ts";
import type { Located, Prepared } from "../jobs/index.ts";
import { modelFileFacts } from "../onnx/index.ts";
import type { JobHooks } from "../runs/index.ts";
import { fileName } from "../text.ts";
import { parseDevice } from "../torch/index.ts";
import { drawBudget } from "./budget.ts";
import type { AttackKind } from "./names.ts";
import {
  type AttackOptions,
  assertAttackOptions,
  type ResolvedAttackOptions,
  resolveAttackOptions,
} from "./options.ts";
import { knownShape } from "./rehearsal.ts";
import { assertRelated } from "./relation.ts";
import type { Inputs, LabelledData } from "./scene.ts";
import { findTarget } from "./target.ts";

/** What was decided before the attack, as config.json of a run and progress events hold it. */
export interface AttackDescription {
  readonly kind: AttackKind;
  readonly data: DataFacts;
  readonly budgets: readonly number[];
  readonly seeds: number;
}

const rehearsal = { module: "attack/rehearsal.js", name: "rehearse" };

/** Reads and checks both files and the data. Throws UsageError, ModelError and DataError. */
export async function prepare(
  asked: Located<AttackOptions>,
  { signal }: JobHooks = {},
): Promise<Prepared<ResolvedAttackOptions, Inputs>> {
  assertAttackOptions(asked);
  const device = parseDevice(asked.device ?? "cpu");
  const target = await findTarget(asked);
  const paths = { original: target.original, obfuscated: target.obfuscated };
  const models = Object.values(paths);
  const names = models.map(fileName).join(" or ");
  const rehearse = (shape?: readonly number[]) =>
    runIsolated(rehearsal, { options: { models, shape }, model: names, signal });
  await rehearse();
  const files = {
    original: await readOriginal(paths.original),
    obfuscated: await readOriginal(paths.obfuscated),
  };
  const wanted = wantedShape(files.original);
  const isKnown = Object.values(files).every((file) => knownShape(file));
  const data = await loadLabelled(asked.data, { ...asked, ...wanted });
  const { shape } = data.train;
  if (!isKnown) await rehearse(shape);
  const graphs = {
    original: adoptModel(files.original, { shape, name: fileName(paths.original) }),
    obfuscated: adoptModel(files.obfuscated, { shape, name: fileName(paths.obfuscated) }),
  };
  const { mean, std } = target;
  const options = resolveAttackOptions(
    {
      ...(mean && { mean }),
      ...(std && { std }),
      ...asked,
      original: paths.original,
    },
    { dataset: data.train, device },
  );
  for (const [file, graph] of Object.entries(files)) {
    assertPlainPixels(graph, options, fileName(paths[file as keyof typeof paths]));
  }
  for (const budget of options.budgets) drawBudget(data.train, budget, options.seed);
  if (!options.acceptOriginal) assertRelated(graphs);
  const hashes = await Promise.all(models.map(modelFileFacts));
  const { kind, budgets, seeds } = options;
  return {
    options,
    inputs: { graphs, data, source: undefined },
    identity: {
      model: sha256Of(...hashes.map(({ sha256 }) => sha256)),
      data: await fingerprint(data),
    },
    description: { kind, data: dataFacts(data), budgets, seeds },
  };
}

async function loadLabelled(spec: string, options: LoadOptions): Promise<LabelledData> {
  const { train, test } = await loadData(spec, options);
  assertLabelled(train, "an attack");
  assertLabelled(test, "an attack");
  if (train.classes.length >= 2) return { train, test };
  throw new DataError(
    `expected two classes or more to tell apart, but ${train.name} has ${train.classes.length}`,
  );
}
