// The attacks and the exposure from the command line: one JSON object, and the contract's exit codes.
import { expect, test } from "vitest";
import { renderDescription } from "../../src/cli/commands/attack.ts";
import { deepobf } from "../cli/deepobf.ts";
import { writeData } from "../obfuscate/tiny.ts";
import { workshop } from "../workshop.ts";
import { chain, folded } from "./pair.ts";

const path = workshop();
const data = writeData(path("data"), { train: 40, test: 20 });
const model = path("shipped.onnx", chain);
const original = path("original.onnx", folded);

test("an attack prints one JSON object, with the command that makes it again", async () => {
  const out = path("theft");
  const { code, stdout } = await deepobf([
    ...["attack", model, "--original", original, "--kind", "transfer", "--data", data],
    ...[
      "--budgets",
      "0.5",
      "--seeds",
      "1",
      "--epochs",
      "1",
      "--methods",
      "initFC-FC",
      "--threads",
      "1",
    ],
    ...["--optimizers", "sgd", "--learning-rates", "0.05", "--out", out, "--json"],
  ]);
  expect(code).toBe(0);
  const { command, kind, arms, headStart, files } = JSON.parse(stdout);
  expect(command).toContain("--kind transfer");
  expect(command).toContain("--methods initFC-FC");
  expect([kind, arms.length, headStart.length]).toEqual(["transfer", 4, 1]);
  expect(arms[1]).toMatchObject({
    arm: "obfuscated",
    method: "initFC-FC",
    budget: 0.5,
    deviation: null,
    learningRate: 0.05,
    optimizer: "sgd",
    accuracies: [expect.any(Number)],
  });
  expect(files.summary).toBe(`${out}/summary.json`);
  // A start from random weights has nothing to freeze.
  expect(arms[3]).toMatchObject({ arm: "obfuscated-scratch", method: "initFC-all" });
});

test("what is begun is told with the data that the shares are of", () => {
  const facts = { training: 1000, test: 20, shape: [3, 8, 8], classes: 2 };
  const tell = (budgets: number[], seeds: number) =>
    renderDescription({ kind: "transfer", data: facts, budgets, seeds }).split("\n")[0];
  expect(tell([0.01], 1)).toBe("transfer with 1.00 % of the 1000 images to learn from, 1 seed");
  expect(tell([0.1, 1], 3)).toMatch(/10\.00 %, 100\.00 % of the 1000 images .*, 3 seeds$/);
});

test.each([
  [2, ["--kind", "theft", "--data", data, "--original", original], /--kind: expected one of/],
  [2, ["--kind", "transfer", "--data", data], /--original is missing/],
  [
    2,
    ["--kind", "incremental", "--data", data, "--original", original],
    /--source-data is missing/,
  ],
  [3, ["--kind", "transfer", "--data", data, "--original", "none.onnx"], /none\.onnx/],
  [4, ["--kind", "transfer", "--data", "idx:none", "--original", original], /none/],
])("exit code %d for %j", async (code, words, message) => {
  const result = await deepobf(["attack", model, ...words, "--out", path()]);
  expect(result.stderr).toMatch(message);
  expect(result.code).toBe(code);
});

test("inspect --against prints the exposure beside the inspection", async () => {
  const { code, stdout } = await deepobf(["inspect", model, "--against", original, "--json"]);
  expect(code).toBe(0);
  const { convolutions, exposure } = JSON.parse(stdout);
  expect(convolutions).toBe(3);
  expect(exposure).toMatchObject({ sharedWeights: 0, sharedWeightsUpToScale: 1, cka: null });
  const alone = await deepobf(["inspect", model, "--data", data]);
  expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining("only with --against")]);
});
