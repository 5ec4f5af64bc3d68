// Model files on the disk.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ModelError, ResourceError } from "../../src/errors.ts";
import {
  encodeModel,
  parseModel,
  readMetadata,
  readModel,
  writeModel,
} from "../../src/onnx/index.ts";
import { type Field, message, model, withGraph } from "./protos.ts";

let directory: string;
const inDirectory = (name: string) => join(directory, name);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "models-"));
});

afterAll(() => rmSync(directory, { recursive: true }));

const graph = parseModel(model());

describe("reading", () => {
  async function expectRefusal(path: string, expected: string): Promise<void> {
    const reading = readModel(path);
    await expect(reading).rejects.toThrow(ModelError);
    await expect(reading).rejects.toThrow(expected);
  }

  test("gives the graph", async () => {
    writeFileSync(inDirectory("good.onnx"), model());
    expect(await readModel(inDirectory("good.onnx"))).toEqual(graph);
  });

  test("names the file in what is wrong with it", async () => {
    writeFileSync(inDirectory("bad.onnx"), model({ ir: 99 }));
    await expectRefusal(inDirectory("bad.onnx"), `${inDirectory("bad.onnx")}: the file has IR`);
  });

  test("refuses a missing file", () => expectRefusal(inDirectory("none.onnx"), "does not exist"));

  test("refuses a folder", () => expectRefusal(directory, "is a folder, not an ONNX file"));

  test("refuses a path through a file", async () => {
    writeFileSync(inDirectory("plain"), "x");
    await expectRefusal(inDirectory("plain/m.onnx"), "is not a folder, or lies in none");
  });

  test("refuses an empty file", async () => {
    writeFileSync(inDirectory("empty.onnx"), "");
    await expectRefusal(inDirectory("empty.onnx"), "the file is empty");
  });

  test("refuses a pipe without waiting for it", async () => {
    execFileSync("mkfifo", [inDirectory("pipe.onnx")]);
    await expectRefusal(inDirectory("pipe.onnx"), "is not a regular file");
  });

  test("refuses a device", () => expectRefusal("/dev/zero", "is not a regular file"));

  test("refuses a file above 2 GiB before reading it", async () => {
    writeFileSync(inDirectory("large.onnx"), "");
    truncateSync(inDirectory("large.onnx"), 2 ** 31);
    await expectRefusal(inDirectory("large.onnx"), "has 2147483648 bytes");
  });

  test("refuses a path with a NUL character", () =>
    expectRefusal("a\0b", "a\\u{0}b: not a possible"));

  test.skipIf(process.getuid?.() === 0)(
    "refuses a file without permission (not as root)",
    async () => {
      writeFileSync(inDirectory("secret.onnx"), model());
      chmodSync(inDirectory("secret.onnx"), 0);
      await expectRefusal(inDirectory("secret.onnx"), "may not be read (permission denied)");
    },
  );
});

test("what a file says of itself is every text of the model and its graph, each once", async () => {
  const property = (key: string, text: string) => message([1, key], [2, text]);
  const more: Field[] = [
    [10, "of the graph"],
    [16, property("note", "of the graph")],
  ];
  const texts: Field[] = [
    [2, "pytorch"],
    [3, "2.9"],
    [4, "org.example"],
    [6, "of the model"],
    [6, "of the model"],
    [14, property("license", "MIT")],
  ];
  const file = Buffer.concat([withGraph({ more }), message(...texts)]);
  writeFileSync(inDirectory("telling.onnx"), file);
  expect((await readMetadata(inDirectory("telling.onnx"))).sort()).toEqual([
    "2.9",
    "g",
    "license=MIT",
    "note=of the graph",
    "of the graph",
    "of the model",
    "org.example",
    "pytorch",
  ]);
  writeFileSync(inDirectory("silent.onnx"), encodeModel({ ...graph, name: "" }));
  expect(await readMetadata(inDirectory("silent.onnx"))).toEqual(["graph"]);
});

describe("writing", () => {
  test("gives a file that can be read, and nothing else", async () => {
    const folder = inDirectory("out");
    mkdirSync(folder);
    await writeModel(graph, join(folder, "m.onnx"));
    await writeModel(graph, join(folder, "m.onnx"));
    expect(readdirSync(folder)).toEqual(["m.onnx"]);
    expect(await readModel(join(folder, "m.onnx"))).toEqual(graph);
    expect(Buffer.compare(readFileSync(join(folder, "m.onnx")), encodeModel(graph))).toBe(0);
  });

  test("fails where there is no folder", async () => {
    await expect(writeModel(graph, inDirectory("none/m.onnx"))).rejects.toThrow(ResourceError);
  });

  test("fails where the name is a folder's, and leaves nothing behind", async () => {
    const folder = inDirectory("taken");
    mkdirSync(join(folder, "m.onnx"), { recursive: true });
    const writing = writeModel(graph, join(folder, "m.onnx"));
    await expect(writing).rejects.toThrow(ResourceError);
    await expect(writing).rejects.toThrow("a folder of that name exists");
    expect(readdirSync(folder)).toEqual(["m.onnx"]);
  });

  test("leaves the old file where the graph cannot be written", async () => {
    const path = inDirectory("kept.onnx");
    await writeModel(graph, path);
    const before = readFileSync(path);
    await expect(writeModel({ ...graph, opset: 99 }, path)).rejects.toThrow(ModelError);
    expect(Buffer.compare(readFileSync(path), before)).toBe(0);
  });

  test("fails on a full disk, and leaves nothing behind", async (context) => {
    const disk = inDirectory("disk");
    mkdirSync(disk);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", disk], { stdio: "ignore" });
    } catch {
      return context.skip("needs the right to mount a small file system");
    }
    try {
      const data = new Uint8Array(100_000);
      const initializers = new Map([["w", { dtype: "uint8" as const, shape: [100_000], data }]]);
      const writing = writeModel({ ...graph, initializers }, join(disk, "m.onnx"));
      await expect(writing).rejects.toThrow(ResourceError);
      await expect(writing).rejects.toThrow("the disk is full");
      expect(readdirSync(disk)).toEqual([]);
    } finally {
      execFileSync("umount", [disk]);
    }
    expect(existsSync(disk)).toBe(true);
  });
});
