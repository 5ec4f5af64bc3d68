// Whose models the page shows: those of the run, and no others that lie in their place by now. They may be anybody's, so
// that a process of its own reads them.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { buildDemo } from "../../src/demo/buildDemo.ts";
import { DataError } from "../../src/errors.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import { idxFiles } from "../cli/fixtures.ts";
import { chainModel, readPart, writeRun } from "../report/runFixture.ts";
import { workshop } from "../workshop.ts";

const readHere = vi.hoisted(() =>
  vi.fn(async () => expect.fail("a model is read in this process")),
);
vi.mock(import("../../src/onnx/index.ts"), async (original) => ({
  ...(await original()),
  readModel: readHere,
  modelFileFacts: readHere,
}));

const file = workshop();
for (const [name, content] of Object.entries(idxFiles())) file(`idx/${name}`, content);

test("this process opens no model", async () => {
  const run = writeRun(file, { name: "run", data: `idx:${file("idx")}` });
  const files = await buildDemo(run);
  expect(files.get("obfuscated.onnx")).toEqual(readFileSync(join(run, "model.onnx")));
  expect(JSON.parse(String(files.get("demo.json"))).images.count).toBeGreaterThan(0);
  expect(readHere).not.toHaveBeenCalled();
});

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

test("a run that does not say which its original was is refused", async () => {
  const run = writeRun(file, { name: "run" });
  const config = readPart(run, "config.json");
  const { model: _, ...identity } = config.identity;
  writeFileSync(join(run, "config.json"), JSON.stringify({ ...config, identity }));
  await expect(buildDemo(run)).rejects.toThrow(DataError);
  await expect(buildDemo(run)).rejects.toThrow(/identity\.model/);
});
