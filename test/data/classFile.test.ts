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
  const textual = ["0", "1", "10", "11", "2", "3", "4", "5", "6", "7", "8", "9"];
  /** More than YAML may take. */
  const many = Array.from({ length: 30_000 }, (_, n) => `name ${n}`);

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
    [
      "numbers in JSON, as they are written",
      "[1.50, 2.0, 12345678901234567890]",
      ["1.50", "2.0", "12345678901234567890"],
    ],
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
    // What Python's json.dumps(ImageFolder(DIR).class_to_idx) gives, and str() of it, for folders 0 ... 11, 1 ... 3 and 00 ... 01.
    [
      "places of names that are numbers",
      '{"0": 0, "1": 1, "10": 2, "11": 3, "2": 4, "3": 5, "4": 6, "5": 7, "6": 8, "7": 9, "8": 10, "9": 11}',
      textual,
    ],
    [
      "places of names that are numbers in Python",
      `{${textual.map((name, place) => `'${name}': ${place}`).join(", ")}}`,
      textual,
    ],
    ["places of names from 1", '{"1": 0, "10": 1, "2": 2}', ["1", "10", "2"]],
    ["places of names with zeros in front", '{"00": 0, "01": 1}', ["00", "01"]],
    ["names that are numbers at their places", '{"0": "0", "1": "2", "2": "1"}', ["0", "2", "1"]],
    [
      "names that are numbers in Python",
      `{${textual.map((name, place) => `${place}: '${name}'`).join(", ")}}`,
      textual,
    ],
    ["names that can be no places", '{"0": 1, "1": 10, "2": 2}', ["1", "10", "2"]],
    ["numbers that are places and names alike", "0: 0\n1: 2\n2: 1", ["0", "2", "1"]],
    ["what JSON writes without quotes", "[true, 12, 1.5]", ["true", "12", "1.5"]],
    ["a long list in JSON", JSON.stringify(many), many],
    ["a long table in JSON", JSON.stringify(Object.fromEntries(many.entries())), many],
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
    [
      "numbers that may be places or names",
      textual.map((name, place) => `${name}: ${place}`).join("\n"),
      "which of its numbers are names, but both sides of its table are 0 to 11: give a list",
    ],
    ["a number twice in JSON", '{"0": "cat", "1": "dog", "1": "bird"}', "1 is there twice"],
    ["what is no name", '["ant", null]', "to hold a list of names"],
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
      "a long table in lines",
      many.map((name, i) => `${i}: ${name}`).join("\n"),
      "at most 262144 characters of YAML",
    ],
  ])("are refused: %s", async (_, content, cause) => {
    await expect(read(content)).rejects.toThrow(UsageError);
    await expect(read(content)).rejects.toThrow(cause);
  });

  test("are refused where a model has none, or is none", async () => {
    await expect(read(model, "m.onnx")).rejects.toThrow(/names, classes, id2label in its metadata/);
    await expect(read("ant", "m.onnx")).rejects.toThrow(UsageError);
    await expect(properties("names", "{1: 'ant'}")).rejects.toThrow("0 is missing");
    const long = `{${many.map((name, i) => `${i}: '${name}'`).join(", ")}}`;
    await expect(properties("names", long)).rejects.toThrow("characters of YAML");
  });
});
