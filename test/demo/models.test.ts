// Whose models the page shows: those of the run, and no others that lie in their place by now.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildDemo } from "../../src/demo/buildDemo.ts";
import { DataError } from "../../src/errors.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import { chainModel, writeRun } from "../report/runFixture.ts";
import { workshop } from "../workshop.ts";

const file = workshop();

test.each([
  ["run.original.onnx", /no longer the original that the run began with/],
  ["run/model.onnx", /no longer the file that the run shipped/],
])("another model in the place of %s is refused", async (name, message) => {
  const run = writeRun(file, { name: "run" });
  const other = { ...chainModel(), name: "another" };
  writeFileSync(join(run, "..", name), encodeModel(other));
  await expect(buildDemo(run)).rejects.toThrow(DataError);
  await expect(buildDemo(run)).rejects.toThrow(message);
});
