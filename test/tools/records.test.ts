// Reading and adding records.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { currentCommand, differences, originalOf } from "../../tools/records/commands.ts";
import { appendRecord, readLines, readRecords } from "../../tools/records/records.ts";
import { chainRun } from "./runs.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "records-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("what is added is read again", () => {
  const path = join(folder, "a.jsonl");
  for (const seed of [0, 1]) appendRecord(path, chainRun({ seed }));
  expect(readLines(path, ["series", "command"])).toEqual([chainRun(), chainRun({ seed: 1 })]);
});

test.each([
  ["a line that is not JSON", "{}\nx\n", ":2: expected a JSON object, received x"],
  ["a line that is no object", "7\n", ":1: expected a JSON object, received 7"],
  ["a line without a field", '{"a":1}\n', ":1: expected an object with b, received"],
  ["a line that is cut off", '{"a":1,"b":2}', "expected a line feed at the end"],
])("refuses %s", (_, content, message) => {
  const path = join(folder, "a.jsonl");
  writeFileSync(path, content);
  expect(() => readLines(path, content.startsWith("{}") ? [] : ["a", "b"])).toThrow(message);
});

test("refuses a result that held-out images judged", () => {
  const files = [
    "results",
    "ablations",
    "few-images",
    "tuning",
    "attacks",
    "exposures",
    "resistance",
    "bench",
    "exports",
    "observations",
  ];
  for (const name of files) writeFileSync(join(folder, `${name}.jsonl`), "");
  expect(readRecords(folder).results).toEqual([]);
  appendRecord(join(folder, "results.jsonl"), chainRun({ options: " --hold-out 100" }));
  expect(() => readRecords(folder)).toThrow("judged by 100 held-out images");
});

test("commands: the original, what differs, and former options that changed nothing", () => {
  const [plain, other] = [
    "deepobf obfuscate a/b.onnx --flip --cutout 0 --out x",
    "deepobf train b",
  ];
  expect([originalOf(plain!), originalOf(other!)]).toEqual(["b", "b"]);
  expect(currentCommand(plain!)).toBe("deepobf obfuscate a/b.onnx --flip --out x");
  expect(currentCommand("d --cutout 8")).toBe("d --cutout 8");
  const commands = [plain!, `${plain} --crop 2`, `${plain} --crop 4 --overparameterized branches`];
  expect(differences(commands, ["--out"])).toEqual([
    "",
    "--crop 2",
    "--crop 4 --overparameterized branches",
  ]);
});
