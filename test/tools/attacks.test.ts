// The tables of attacks and exposures.
import { expect, test } from "vitest";
import type { ArmName } from "../../src/attack/headStart.ts";
import { attackTable, exposureTable, headStartTable } from "../../tools/documents/attacks.ts";
import { resistanceTable } from "../../tools/documents/resistance.ts";
import type { AttackRun, ExposureRecord, ResistanceRecord } from "../../tools/records/records.ts";
import { cells } from "./runs.ts";

const recipe = { method: "initFC-all", optimizer: "sgd", learningRate: 0.05 };
const run: AttackRun = {
  series: "transfer",
  name: "ResNet-56 by 7",
  command: "deepobf attack run",
  kind: "transfer",
  epochs: 40,
  seed: 0,
  device: "cpu",
  precision: "bf16",
  seconds: 100,
  arms: [
    {
      arm: "obfuscated",
      budget: 0.1,
      ...recipe,
      accuracies: [0.64, 0.66],
      mean: 0.65,
      deviation: 0.01414,
    },
    {
      arm: "obfuscated-scratch",
      budget: 0.1,
      ...recipe,
      accuracies: [0.46],
      mean: 0.46,
      deviation: null,
      oldAccuracies: [0.4, 0.5],
      newAccuracies: [0.5, 0.6],
    },
  ],
  headStart: [
    {
      budget: 0.1,
      original: { mean: 20.66, deviation: 1.25 },
      obfuscated: { mean: 18.94, deviation: null },
    },
  ],
};

test("an attack has a row for each starting point, budget and method", () => {
  const [titles, first, second] = cells(attackTable([run]));
  expect(titles).toEqual([
    ...["network", "budget", "epochs", "starts from", "method", "accuracy", "on old classes"],
    ...["on new classes", "optimizer, rate", "seeds"],
  ]);
  const shared = ["ResNet-56 by 7", "0.1", "40"];
  expect(first).toEqual([
    ...[...shared, "obfuscated", "initFC-all", "65.0 ± 1.4", "", "", "sgd, 0.05", "2"],
  ]);
  expect(second).toEqual([
    ...[...shared, "obfuscated-scratch", "initFC-all", "46.0", "45.00 %", "55.00 %"],
    ...["sgd, 0.05", "1"],
  ]);
});

test("a head start is in points, with its deviation where there are seeds", () => {
  expect(cells(headStartTable([run]))[1]).toEqual(["ResNet-56 by 7", "0.1", "20.7 ± 1.3", "18.9"]);
});

test("what answers are worth has the heads of the architectures that learned", () => {
  const heads = (kind: AttackRun["kind"]) => cells(headStartTable([{ ...run, kind }]))[0]!.slice(2);
  expect(heads("transfer")).toEqual(["head start of the original, points", "of the shipped file"]);
  expect(heads("extraction")).toEqual([
    "answers over labels in the original's architecture, points",
    "in the chain's",
  ]);
});

test("an exposure is a row of figures", () => {
  const figures = { layerEditDistance: 0.884, graphSimilarity: 0.561, sharedNames: 2 };
  const weights = { sharedMetadata: 0, sharedWeights: 0, sharedWeightsUpToScale: 1 };
  const values = [
    [0.5, 0.926],
    [0.1, 0.2],
  ];
  const cka = { model: ["a", "b"], original: ["c", "d"], values, images: 256 };
  const record = {
    series: "cifar10",
    name: "ResNet-56 by 7",
    exposure: { ...figures, ...weights, cka },
  } as unknown as ExposureRecord;
  expect(cells(exposureTable([record]))[1]).toEqual([
    ...["ResNet-56 by 7", "88.40 %", "0.56", "2", "0", "0", "1", "0.926"],
  ]);
});

test("a way of resistance: what it costs, and what the pirate gets from the chain", () => {
  const arm = (name: ArmName, mean: number, method = "initFC-all") => ({
    arm: name,
    budget: 0.1,
    ...recipe,
    method,
    accuracies: [mean],
    mean,
    deviation: null,
  });
  const record = (judges: ResistanceRecord["pirate"]["judges"]): ResistanceRecord => ({
    series: "resnet20",
    name: "collapse",
    depth: 7,
    epochs: 0.5,
    start: "chain.onnx",
    seed: 3,
    accuracy: 0.871,
    pirate: { epochs: 20, judges },
    arms: [
      ...[arm("original", 0.6), arm("obfuscated", 0.5465, "redrawn 5,6,7")],
      ...[arm("original-scratch", 0.4), arm("obfuscated-scratch", 0.41)],
    ],
    headStart: [
      {
        budget: 0.1,
        original: { mean: 20, deviation: null },
        obfuscated: { mean: 13.65, deviation: null },
      },
    ],
  });
  const [, first, ...more] = cells(
    resistanceTable((["search", "held-out", "test"] as const).map(record)),
  );
  expect(first).toEqual([
    ...["collapse", "7", "0.5 more", "87.10 %", "redrawn 5,6,7, sgd 0.05", "54.65 %", "41.00 %"],
    ...["13.7", "20.0", "others", "3"],
  ]);
  expect(more.map((row) => row.at(-2))).toEqual(["held-out images", "test images"]);
});
