// The forms in which people keep the names of classes.
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readClasses } from "../../src/data/classNames.ts";
import { UsageError } from "../../src/errors.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import { tinyResnet } from "../obfuscate/tiny.ts";
import { withProperty } from "../onnx/properties.ts";
import { workshop } from "../workshop.ts";

const path = workshop();
const model = encodeModel(tinyResnet());

function read(content: string | Uint8Array, name = "names"): Promise<readonly string[]> {
  const file = path(name);
  writeFileSync(file, content);
  return readClasses(file);
}

const properties = (key: string, value: string) => read(withProperty(model, key, value), "m.onnx");

describe("what is no file of names", () => {
  test.each([
    ["a pipe", (file: string) => execFileSync("mkfifo", [file]), /is no regular file/],
    ["a device", (file: string) => symlinkSync("/dev/zero", file), /is no regular file/],
    ["a folder", (file: string) => mkdirSync(file), /is a folder, not a file/],
  ])("%s is refused", async (_, make, message) => {
    const file = path();
    make(file);
    await expect(readClasses(file)).rejects.toThrow(UsageError);
    await expect(readClasses(file)).rejects.toThrow(message);
  });
});

describe("names of classes", () => {
  const eleven = Array.from({ length: 11 }, (_, n) => `class ${n}`);

  test.each([
    ["lines", "\uFEFFant\r\n\r\n  bee \nC#: a note\n", ["ant", "bee", "C#: a note"]],
    [
      "lines that would be other values in YAML",
      "null\n1.0\nyes\n0x1f",
      ["null", "1.0", "yes", "0x1f"],
    ],
    ["lines that end as old Macs end them", "ant\rbee\r", ["ant", "bee"]],
    [
      "PowerShell's lines",
      Buffer.concat([Buffer.of(0xff, 0xfe), Buffer.from("ant\r\nbé", "utf16le")]),
      ["ant", "bé"],
    ],
    [
      "UTF-16 of the other end",
      Buffer.concat([Buffer.of(0xfe, 0xff), Buffer.from("ant\nbé", "utf16le").swap16()]),
      ["ant", "bé"],
    ],
    ["lines of numbers and names", "1 bee eater\n0\tant", ["ant", "bee eater"]],
    ["lines of numbers that are no places", "1 euro\n2 euro", ["1 euro", "2 euro"]],
    ["lines that begin with a time", "12:30 clock\nbee", ["12:30 clock", "bee"]],
    ["a list in JSON", '["no", "12", "a, b"]', ["no", "12", "a, b"]],
    ["a list in YAML", "- no\n- 1.50\n- 'a: b'\n", ["no", "1.50", "a: b"]],
    ["a table from numbers in JSON", '{"1": "bee", "0": "ant"}', ["ant", "bee"]],
    ["a table from numbers in lines", "0: ant\n1: on\n", ["ant", "on"]],
    ["a table from numbers in Python", "{0: 'ant', 1: \"bee's\"}", ["ant", "bee's"]],
    ["a table from names", '{"bee": 1, "ant": 0}', ["ant", "bee"]],
    ["more numbers than digits sort", eleven.map((name, n) => `${n}: ${name}`).join("\n"), eleven],
    ["a list among other things", "nc: 2\nnames: [ant, bee]\n", ["ant", "bee"]],
    ["a table among other things", "path: x\nnames:\n  0: ant\n  1: bee\n", ["ant", "bee"]],
    [
      "a configuration",
      '{"classes": 2, "id2label": {"0": "a", "1": "b"}, "label2id": {}}',
      ["a", "b"],
    ],
    ["pairs that are no table", "n01: tench\nn02: shark", ["n01: tench", "n02: shark"]],
  ])("are read from %s", async (_, content, names) => {
    expect(await read(content)).toEqual(names);
  });

  test.each([
    ["names", "{0: 'ant', 1: 'bee'}", ["ant", "bee"]],
    ["classes", '["ant", "bee"]', ["ant", "bee"]],
    ["id2label", '{"1": "bee", "0": "ant"}', ["ant", "bee"]],
    ["names", "ant, bee", ["ant", "bee"]],
    ["names", "ant\nbee", ["ant", "bee"]],
  ])("are read from a model's metadata: %s %s", async (key, value, names) => {
    expect(await properties(key, value)).toEqual(names);
  });

  test.each([
    ["a gap", "{0: a, 2: b}", "numbers 0 to 1, each once, but 1 is missing"],
    ["numbers from 1", "1: a\n2: b", "but 0 is missing"],
    ["a number twice", "0: a\n0: b", "but 0 is there twice"],
    ["a name twice in two Unicode forms", "caf\u00e9\ncafe\u0301", "is named twice"],
    ["a name twice", "{0: a, 1: a}", '"a" is named twice'],
    ["a reference", "[&x a, *x]", "to hold a list of names"],
    ["lists in lists", "[[a], [b]]", "to hold a list of names"],
    ["deep nesting", "[".repeat(50_000), "to hold a list of names"],
    ["what is cut short", "{0: 'a', 1:", "to hold a list of names"],
    ["nothing", "\n", "received none"],
    ["marks in a row", `- ${"- ".repeat(30_000)}a`, "to hold a list of names"],
    ["references in a row", `[${"&a ".repeat(30_000)}]`, "to hold a list of names"],
    ["too much", "a\n".repeat(2 ** 23 + 1), "at most 16777216 bytes"],
    [
      "a long table",
      Array.from({ length: 30_000 }, (_, i) => `${i}: name ${i}`).join("\n"),
      "to hold a list of names",
    ],
  ])("are refused: %s", async (_, content, cause) => {
    await expect(read(content)).rejects.toThrow(UsageError);
    await expect(read(content)).rejects.toThrow(cause);
  });

  test("are refused where a model has none, or is none", async () => {
    await expect(read(model, "m.onnx")).rejects.toThrow(/names, classes, id2label in its metadata/);
    await expect(read("ant", "m.onnx")).rejects.toThrow(UsageError);
    await expect(properties("names", "{1: 'ant'}")).rejects.toThrow("0 is missing");
  });
});
