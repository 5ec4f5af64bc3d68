// A report's facts, collected from a run's folder and the models it names.
import { resolve } from "node:path";
import { commandLineOf } from "../runs/commandLine.ts";
import { shorten } from "../text.ts";
import { readAttacks } from "./attacks.ts";
import { lengthOfLines } from "./drawDiagram.ts";
import { type Drawn, drawModelsIsolated } from "./drawModel.ts";
import { isMissing, type Missing, mapPresent } from "./missing.ts";
import { disagreementsOf, perClass } from "./perClass.ts";
import { protectionOf } from "./protection.ts";
import { type RunRecord, readRun } from "./readRun.ts";
import type { Architecture, Report } from "./reportForm.ts";
import type { Exposure } from "./runForms.ts";
import { verdictOf } from "./verdict.ts";

export interface CollectOptions {
  /** Folders of attack runs whose results belong to this run. */
  readonly attacks?: readonly string[];
}

/** What the hash of the images is called, those to learn from and those to judge by. */
export const dataSet = "the data set";
export const testImages = "the images to judge by";

/** Most boxes of a drawing, repetitions folded, and rows that its lines may cross: to lay them out takes seconds. */
const [mostBoxes, longestLines] = [600, 2500];

/**
 * Everything that can be said of a run. Throws UsageError and DataError where the folder is no run's; what is missing
 * or damaged in one that is, is said in its part.
 */
export async function collectReport(
  path: string,
  { attacks: folders = [] }: CollectOptions = {},
): Promise<Report> {
  const run = await readRun(path);
  const { config, summary, epochs } = run;
  const architectures = await architecturesOf(run);
  const attacks = await readAttacks(folders, run);
  const kept = isMissing(summary) ? 0 : summary.obfuscated.convolutions - config.options.depth;
  return {
    format: 1,
    run: { name: shorten(run.name), finished: !isMissing(summary) },
    verdict: mapPresent(summary, (known) =>
      verdictOf(known, { kept, original: architectures.original }),
    ),
    models: mapPresent(summary, ({ original, obfuscated, verify, quantized, warnings }) => ({
      original,
      obfuscated,
      verify,
      warnings,
      ...(quantized && { quantized }),
    })),
    architectures,
    training: mapPresent(epochs, ({ records, damaged }) =>
      records.length === 0
        ? { missing: "no epoch of the training is written down" }
        : {
            epochs: records.map((record) => ({ ...record, stage: shorten(record.stage) })),
            learningRate: config.options.learningRate,
            unreadableLines: damaged,
          },
    ),
    classes: mapPresent(run.predictions, perClass),
    disagreements: mapPresent(run.predictions, disagreementsOf),
    exposure: mapPresent(run.exposure, exposureOf),
    attacks,
    protection: protectionOf({ attacks, kept }),
    reproduction: reproductionOf(run),
  };
}

/** An exposure with names of layers that a page can show for each pair of them. */
function exposureOf({ cka, ...figures }: Exposure): Exposure {
  const shortened = (names: readonly string[]) => names.map((name) => shorten(name));
  return {
    ...figures,
    cka: cka && { ...cka, model: shortened(cka.model), original: shortened(cka.original) },
  };
}

async function architecturesOf(run: RunRecord): Promise<Report["architectures"]> {
  const { config, directory, shipped } = run;
  const { options, description, identity } = config;
  const { shape } = description.data;
  const { model, output } = options;
  const boundary = description.boundary.tensor;
  const models = [
    { model, shape, output, boundary },
    ...(isMissing(shipped) ? [] : [{ model: resolve(directory, "model.onnx"), shape }]),
  ];
  const [original, obfuscated] = await drawModelsIsolated(models);
  return {
    original: mapPresent(original!, (drawn) =>
      drawn.sha256 !== identity.model
        ? { missing: "the file is no longer the one that the run began with: its SHA-256 differs" }
        : architectureOf(drawn),
    ),
    obfuscated: isMissing(shipped) ? shipped : mapPresent(obfuscated!, architectureOf),
  };
}

function architectureOf({ convolutions, joins, diagram }: Drawn): Architecture | Missing {
  const { boxes, frames } = diagram;
  if (boxes.length > mostBoxes) {
    return {
      missing: `it has ${boxes.length} layers that are unlike each other, too many to draw`,
    };
  }
  if (lengthOfLines(boxes) > longestLines) {
    return {
      missing: "too many of its layers read layers far before them, too many lines to draw",
    };
  }
  return { convolutions, joins, boxes: [...boxes], frames: [...frames] };
}

function reproductionOf({ config, summary, shipped }: RunRecord): Report["reproduction"] {
  const { options, identity, description, versions } = config;
  const made = isMissing(summary) ? undefined : summary;
  const isMeasured = isMissing(shipped) || !made || shipped.sha256 === made.obfuscated.sha256;
  const predictions = made?.verify.predictionsSha256;
  return {
    command: commandLineOf(config, "model"),
    settings: {
      seed: options.seed,
      epochs: options.epochs,
      ...(made && {
        device: made.device,
        precision: made.precision,
        seconds: made.seconds,
        ...(made.peakMemoryBytes !== undefined && { peakMemoryBytes: made.peakMemoryBytes }),
      }),
    },
    versions: Object.fromEntries(Object.entries(versions).slice(0, 20)),
    hashes: [
      { what: "the original", sha256: identity.model },
      { what: dataSet, sha256: identity.data },
      ...(description.testSha256 ? [{ what: testImages, sha256: description.testSha256 }] : []),
      ...(isMissing(shipped)
        ? []
        : [
            {
              what: "model.onnx, the file to ship",
              sha256: shipped.sha256,
              ...(!isMeasured && { remark: "not the file that was measured" }),
            },
          ]),
      ...(predictions ? [{ what: "predictions.json", sha256: predictions }] : []),
    ],
  };
}
