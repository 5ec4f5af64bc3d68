// An attack by two workers: its trainings are shared, the first worker judges, and all go on from what it says.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { chain, folded } from "../attack/pair.ts";
import { writeData } from "../obfuscate/tiny.ts";
import { workshop } from "../workshop.ts";
import { modelOf, start } from "./running.ts";

const path = workshop();
const data = writeData(path("data"), { train: 64, test: 64 });
const model = path("shipped.onnx", chain);
const original = path("original.onnx", folded);

/** The accuracies of each arm, and the file of the fine-tuned chain. */
async function attackWith(...more: string[]) {
  const out = path();
  const what = ["attack", model, "--original", original, "--kind", "transfer", "--data", data];
  const how = [
    "--budgets",
    "1",
    "--seeds",
    "1",
    "--epochs",
    "2",
    "--methods",
    "initFC-FC,initFC-all",
  ];
  const optimizers = ["--optimizers", "sgd", "--learning-rates", "0.05", "--batch-size", "16"];
  const few = ["--threads", "1", "--precision", "f32", "--out", out];
  const { code, stderr } = await start([...what, ...how, ...optimizers, ...few, ...more]).ended;
  expect(code, stderr).toBe(0);
  const { arms } = JSON.parse(readFileSync(join(out, "summary.json"), "utf8"));
  return { accuracies: arms.map(({ mean }: { mean: number }) => mean), model: modelOf(out) };
}

test("two workers find what one process finds, and the same again", async () => {
  const one = await attackWith();
  const two = await attackWith("--workers", "2");
  expect(await attackWith("--workers", "2")).toEqual(two);
  expect(two.accuracies).toHaveLength(4);
  // Of 64 images; sums of halves round otherwise than sums of wholes.
  for (const [arm, accuracy] of one.accuracies.entries()) {
    expect(Math.abs(two.accuracies[arm] - accuracy)).toBeLessThanOrEqual(2 / 64);
  }
});
