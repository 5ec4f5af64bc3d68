// Which runs `npm run ablations` makes.
import { expect, test } from "vitest";
import { folderOf, isRecorded, planTrials, variants } from "../../tools/ablations/plan.ts";
import { chainRun } from "./runs.ts";

const given = ["o/resnet20.onnx", "--data", "cifar10:d", "--depth", "5", "--epochs", "3,16"];

test("every variant with three seeds and each number of epochs, all variants of a seed in turn", () => {
  const trials = planTrials(given);
  expect(trials).toHaveLength(2 * 3 * Object.keys(variants).length);
  expect(trials[1]).toMatchObject({ series: "resnet20", depth: 5, epochs: 3, seed: 0 });
  expect(trials.at(-1)).toMatchObject({ epochs: 16, seed: 2 });
});

test("chosen variants and seeds; other options are handed on", () => {
  const own = ["--variants", "recursive-joint", "--seeds", "4"];
  expect(planTrials([...given, ...own, "--hold-out", "5000"])).toEqual(
    [3, 16].map((epochs) => ({
      series: "resnet20",
      name: "recursive-joint",
      depth: 5,
      epochs,
      seed: 4,
      heldOut: 5000,
      arguments: [
        ...["o/resnet20.onnx", "--data", "cifar10:d", "--hold-out", "5000", "--depth", "5"],
        ...["--epochs", `${epochs}`, "--seed", "4", "--simulation", "recursive"],
      ],
    })),
  );
});

test("a run is recorded where original, depth, epochs, variant, seed and judging images are the same", () => {
  const own = ["--variants", "sgd", "--seeds", "1", "--hold-out", "5000"];
  const [trial] = planTrials([...given, ...own]);
  const options = " --hold-out 5000";
  const record = { series: "resnet20", name: "sgd", epochs: 3, seed: 1, options };
  expect(isRecorded(trial!, [chainRun(record)])).toBe(true);
  for (const other of [
    { series: "resnet56" },
    { name: "direct-joint" },
    { epochs: 16 },
    { seed: 0 },
    { options: "" },
    { options: " --hold-out 1000" },
  ])
    expect(isRecorded(trial!, [chainRun({ ...record, ...other })]), JSON.stringify(other)).toBe(
      false,
    );
});

test("runs that are judged by other images have folders of their own", () => {
  const folders = [[], ["--hold-out", "5000"]].map((options) =>
    folderOf(planTrials([...given, ...options])[0]!),
  );
  expect(folders[0]).toBe("runs/ablations/resnet20-5-e3-labels-only-s0-h0");
  expect(folders[1]).toBe("runs/ablations/resnet20-5-e3-labels-only-s0-h5000");
});

test.each([
  [["--depth", "5"], 'expected the original first, received ""'],
  [[...given, "--variants", "sgd,magic"], "--variants: expected some of labels-only"],
  [[...given, "--seeds", "one"], "--seeds: expected whole numbers, such as 3,16; received"],
  [["m.onnx", "--epochs", "3"], "--depth: expected whole numbers"],
  [["m.onnx", "--depth", "--epochs", "3"], '--depth: expected a value, received "--epochs"'],
  [["m.onnx", "--depth", "5", "--epochs"], '--epochs: expected a value, received ""'],
])("refuses %j", (args, message) => {
  expect(() => planTrials(args)).toThrow(message);
});
