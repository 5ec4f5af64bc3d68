// Weights in files beside the model: what is read, and everything that must never be opened.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ModelError } from "../../src/errors.ts";
import { toNumbers } from "../../src/graph/tensorData.ts";
import {
  encodeModel,
  modelFileFacts,
  parseModel,
  readModel,
  readTensor,
} from "../../src/onnx/index.ts";
import { floats, message, tensor, withGraph } from "./protos.ts";

let root: string;
let directory: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "external-"));
  directory = join(root, "model");
  mkdirSync(join(directory, "sub"), { recursive: true });
  writeFileSync(join(directory, "w.bin"), floats(1, 2, 3, 4));
  writeFileSync(join(directory, "sub", "w.bin"), floats(5));
  writeFileSync(join(root, "outside.bin"), floats(6));
});

afterAll(() => rmSync(root, { recursive: true }));

type Entries = Readonly<Record<string, string>>;

/** A float tensor whose values lie where the entries say. */
function external(name: string, size: number, entries: Entries): Uint8Array {
  const fields = Object.entries(entries).map(
    ([key, value]) => [13, message([1, key], [2, value])] as const,
  );
  return tensor(name, { dims: [size] }, [14, 1], ...fields);
}

const withTensors = (...initializers: Uint8Array[]) => withGraph({ initializers });

function read(entries: Entries, size = 1): Float32Array {
  const { initializers } = parseModel(withTensors(external("w", size, entries)), { directory });
  return new Float32Array(initializers.get("w")!.data.slice().buffer);
}

describe("reads", () => {
  test("a whole file", () => {
    expect([...read({ location: "w.bin" }, 4)]).toEqual([1, 2, 3, 4]);
  });

  test("elements of every type", () => {
    const types = [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 16];
    const tensors = types.map((type) =>
      tensor(`t${type}`, { type, dims: [1] }, [14, 1], [13, message([1, "location"], [2, "one"])]),
    );
    // The bytes 1, 0, 0, ... are a small number of each type.
    writeFileSync(join(directory, "one"), Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
    for (const initializer of tensors) {
      const model = parseModel(withTensors(initializer), { directory });
      const [value] = model.initializers.values();
      expect(value?.shape).toEqual([1]);
      expect(toNumbers(value!)[0]).toBeGreaterThan(0);
      const [again] = parseModel(encodeModel(model)).initializers.values();
      expect(again).toEqual(value);
    }
  });

  test("from an offset", () => {
    expect([...read({ location: "w.bin", offset: "4", length: "8" }, 2)]).toEqual([2, 3]);
  });

  test("a file in a folder below, however its path is written", () => {
    for (const location of ["sub/w.bin", "./sub/w.bin", "sub//w.bin", "sub/./w.bin"])
      expect([...read({ location })]).toEqual([5]);
  });

  test("one range for several tensors", () => {
    const bytes = withTensors(
      external("a", 4, { location: "w.bin" }),
      external("b", 4, { location: "./w.bin" }),
    );
    const { initializers } = parseModel(bytes, { directory });
    expect(initializers.get("a")!.data).toBe(initializers.get("b")!.data);
  });

  test("below the folder of a model file, even where that is a link itself", async () => {
    writeFileSync(join(directory, "m.onnx"), withTensors(external("w", 4, { location: "w.bin" })));
    symlinkSync(directory, join(root, "linked"));
    const { initializers } = await readModel(join(root, "linked", "m.onnx"));
    expect(initializers.get("w")!.data).toHaveLength(16);
  });
});

describe("what identifies a model file", () => {
  const later = external("later", 1, { location: "z.bin", offset: "4" });
  const first = external("first", 2, { location: "sub/a.bin" });
  const last = external("last", 1, { location: "z.bin" });

  /** Facts of a file of these tensors, and the file itself. */
  async function factsOf(...tensors: Uint8Array[]) {
    const file = withTensors(...tensors);
    writeFileSync(join(directory, "facts.onnx"), file);
    return { file, facts: await modelFileFacts(join(directory, "facts.onnx")) };
  }

  test("is the file and what its tensors take from others, each once, whatever their order in it", async () => {
    writeFileSync(join(directory, "z.bin"), floats(7, 8, 9));
    writeFileSync(join(directory, "sub", "a.bin"), floats(5, 6));
    for (const order of [
      [later, first, last],
      [last, later, first],
      [first, last, later, external("again", 1, { location: "./z.bin" })],
    ]) {
      const { file, facts } = await factsOf(...order);
      // By the files' paths, then by the places in them; the third number of z.bin is nobody's.
      const all = Buffer.concat([file, floats(5, 6), floats(7), floats(8)]);
      expect(facts).toEqual({
        bytes: file.length + 16,
        sha256: createHash("sha256").update(all).digest("hex"),
      });
    }
  });

  test("changes with a number in another file, and not with one that no tensor takes", async () => {
    writeFileSync(join(directory, "z.bin"), floats(7, 8, 9));
    const { facts: before } = await factsOf(last, later);
    writeFileSync(join(directory, "z.bin"), floats(7, 8, 10));
    expect((await factsOf(last, later)).facts).toEqual(before);
    writeFileSync(join(directory, "z.bin"), floats(7, 8.5, 9));
    expect((await factsOf(last, later)).facts.sha256).not.toBe(before.sha256);
  });
});

describe("refuses", () => {
  const outside: readonly (readonly [what: string, location: string, expected: string])[] = [
    ["a path upwards", "../outside.bin", "leads out of the model's folder"],
    ["a path that goes down and up", "sub/../../outside.bin", "leads out of the model's folder"],
    ["a path that comes back", "../model/w.bin", "leads out of the model's folder"],
    ["an absolute path", "/etc/passwd", "is an absolute path"],
    ["a Windows path", "C:w.bin", "Windows path"],
    ["a Windows path upwards", "..\\outside.bin", "Windows path"],
    ["a NUL character", "w.bin\0.txt", "NUL character"],
    ["an empty path", "", "has no location"],
    ["a missing file", "missing.bin", "cannot be found (ENOENT)"],
    ["a path through a file", "w.bin/x", "cannot be found (ENOTDIR)"],
    ["a folder", "sub", "is not a regular file"],
    ["the model's own folder", ".", "lies behind one"],
    ["a name that is too long", "n".repeat(5000), "cannot be found (ENAMETOOLONG)"],
  ];
  test.each(outside)("%s", (_, location, expected) => {
    expect(() => read({ location })).toThrow(ModelError);
    expect(() => read({ location })).toThrow(expected);
    expect(() => read({ location })).toThrow('initializer "w"');
  });

  test("a symbolic link, out of the folder or not", () => {
    symlinkSync(join(root, "outside.bin"), join(directory, "out.bin"));
    symlinkSync("w.bin", join(directory, "in.bin"));
    symlinkSync("loop.bin", join(directory, "loop.bin"));
    expect(() => read({ location: "out.bin" })).toThrow("symbolic link");
    expect(() => read({ location: "in.bin" })).toThrow("symbolic link");
    expect(() => read({ location: "loop.bin" })).toThrow("cannot be found (ELOOP)");
  });

  test("a file behind a linked folder", () => {
    symlinkSync(root, join(directory, "up"));
    expect(() => read({ location: "up/outside.bin" })).toThrow("symbolic link");
  });

  test("a file with a second hard link", () => {
    linkSync(join(root, "outside.bin"), join(directory, "hard.bin"));
    expect(() => read({ location: "hard.bin" })).toThrow("more than one hard link");
  });

  test("a pipe, without waiting for it", () => {
    execFileSync("mkfifo", [join(directory, "pipe")]);
    expect(() => read({ location: "pipe" })).toThrow("not a regular file");
  });

  test("a Git LFS pointer, though it has as many bytes as are needed", () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"4".repeat(64)}\nsize 12345\n`;
    writeFileSync(join(directory, "pointer.bin"), pointer);
    for (const size of [1, 1000])
      expect(() => read({ location: "pointer.bin" }, size)).toThrow(
        /a Git LFS pointer.*git lfs pull/,
      );
  });

  const ranges: readonly (readonly [what: string, entries: Entries, expected: string])[] = [
    ["an offset beyond the end", { offset: "16" }, "has 16 bytes, but 4 from byte 16 on"],
    ["a range across the end", { offset: "13" }, "has 16 bytes, but 4 from byte 13 on"],
    ["a negative offset", { offset: "-4" }, 'the offset "-4", not a size'],
    ["an offset that is no number", { offset: "0x4" }, 'the offset "0x4", not a size'],
    ["an offset beyond all files", { offset: "9".repeat(30) }, "not a size"],
    ["a negative length", { length: "-1" }, 'the length "-1", not a size'],
    ["another length than the tensor's", { length: "8" }, "has 8 bytes, but the tensor needs 4"],
  ];
  test.each(ranges)("%s", (_, entries, expected) => {
    expect(() => read({ location: "w.bin", ...entries })).toThrow(expected);
  });

  test("an entry given twice", () => {
    const entry = [13, message([1, "location"], [2, "w.bin"])] as const;
    const bytes = withTensors(tensor("w", {}, [14, 1], entry, entry));
    expect(() => parseModel(bytes, { directory })).toThrow('has "location" twice');
  });

  test("many entries", () => {
    const entries = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, ""]));
    expect(() => read(entries)).toThrow("more than 16 external_data entries");
  });

  test("overlapping ranges that would multiply a file", () => {
    const bytes = withTensors(
      external("a", 3, { location: "w.bin" }),
      external("b", 3, { location: "w.bin", offset: "4" }),
    );
    expect(() => parseModel(bytes, { directory })).toThrow("used by tensors that overlap");
  });

  test("a tensor of 2 GiB in a file that has as much", () => {
    writeFileSync(join(directory, "sparse.bin"), "");
    truncateSync(join(directory, "sparse.bin"), 2 ** 40);
    const size = 2 ** 29;
    expect(() => read({ location: "sparse.bin" }, size)).toThrow("at most 2147483647 are allowed");
  });

  test("any file where the model has no folder", () => {
    const bytes = withTensors(external("w", 4, { location: "w.bin" }));
    expect(() => parseModel(bytes)).toThrow("give the model as a file");
    expect(() => parseModel(bytes, { directory: "" })).toThrow("the model has no folder");
    expect(() => readTensor(external("w", 4, { location: "w.bin" }))).toThrow(ModelError);
  });
});
