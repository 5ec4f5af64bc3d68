// Atomic writing, when everything goes well and when each single call fails.
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { ResourceError } from "../../src/errors.ts";
import {
  createDirectoryAtomically,
  readLargeFile,
  sha256Of,
  writeFileAtomically,
  writeFiles,
} from "../../src/files.ts";
import { failure } from "../failure.ts";
import { filesBelow, mountDisk, workshop } from "../workshop.ts";
import { arm, disarm } from "./faults.ts";

vi.mock("node:fs/promises", async (original) =>
  (await import("./faults.ts")).faulty(await original()),
);

const path = workshop();

/** A new folder with a file in it. */
function folder(): string {
  const made = path();
  mkdirSync(made, { recursive: true });
  writeFileSync(join(made, "old"), "before");
  return made;
}

/** Fills a folder with two files. */
async function fill(temporary: string): Promise<void> {
  await writeFileAtomically(join(temporary, "a"), "1");
  await writeFileAtomically(join(temporary, "b"), new Uint8Array(1000));
}

const codes = ["ENOSPC", "EIO", "EACCES", "EMFILE"];

describe("writeFileAtomically", () => {
  test("replaces a file", async () => {
    const made = folder();
    await writeFileAtomically(join(made, "old"), "after");
    await writeFileAtomically(join(made, "new"), Uint8Array.of(1, 2));
    expect(readFileSync(join(made, "old"), "utf8")).toBe("after");
    expect([...readFileSync(join(made, "new"))]).toEqual([1, 2]);
    expect(filesBelow(made)).toEqual(["new", "old"]);
  });

  test.each(codes)(
    "leaves the old content or the new, whichever call fails with %s",
    async (code) => {
      const failed: string[] = [];
      for (let n = 1; ; n++) {
        const made = folder();
        arm(n, code);
        const writing = writeFileAtomically(join(made, "old"), "after");
        const error = await writing.catch((reason) => reason);
        const call = disarm();
        if (call === "") break;
        failed.push(call.split(" ")[0]!);
        expect(error).toBeInstanceOf(ResourceError);
        expect(error.message).toContain(`cannot write ${join(made, "old")}: `);
        expect(error.message).toContain(`(${code})`);
        expect(filesBelow(made)).toEqual(["old"]);
        // Once it is renamed the new content counts.
        const isRenamed = failed.slice(0, -1).includes("rename");
        expect(readFileSync(join(made, "old"), "utf8")).toBe(isRenamed ? "after" : "before");
      }
      expect(failed).toEqual(["open", "write", "fsync", "rename", "open", "fsync"]);
    },
  );

  test.each([
    ["a folder in the way", (made: string) => made, /a folder of that name exists \(EISDIR\)/],
    ["a missing folder", (made: string) => join(made, "no", "x"), /folder above .* not exist/],
    ["a file as folder", (made: string) => join(made, "old", "x"), /is a file, not a folder/],
    ["a name too long", (made: string) => join(made, "x".repeat(250)), /the name is too long/],
  ])("tells of %s", async (_, target, reason) => {
    const made = folder();
    const { message } = await failure(writeFileAtomically(target(made), "x"), ResourceError);
    expect(message).toMatch(reason);
    expect(message).toContain(target(made));
    expect(filesBelow(made)).toEqual(["old"]);
  });

  test("keeps other errors as they are", async () => {
    arm(1, "ESOMETHING");
    const error = await writeFileAtomically(path("x"), "x").catch((reason) => reason);
    disarm();
    expect(error).not.toBeInstanceOf(ResourceError);
    expect(error.code).toBe("ESOMETHING");
  });
});

describe.runIf(process.env.DEEPOBF_NIGHTLY)("more than Node takes at once", () => {
  const twoGibibytes = 2 ** 31;

  test("is hashed", () => {
    const zeros = new Uint8Array(twoGibibytes + 1);
    // head -c 2147483649 /dev/zero | sha256sum
    const expected = "b8030a8ab89280935633d8d991da3d9907c0f12e8b6fc3bfc515f4d440872b6e";
    expect(sha256Of("", zeros)).toBe(expected);
  });

  test("is read", async () => {
    const file = path("large");
    writeFileSync(file, "first");
    truncateSync(file, twoGibibytes);
    appendFileSync(file, "last");
    const content = await readLargeFile(file);
    expect(content.length).toBe(twoGibibytes + 4);
    expect([content.subarray(0, 5), content.subarray(-4)].map(String)).toEqual(
      ["first", "last"].map((word) => String(new TextEncoder().encode(word))),
    );
  });
});

describe("createDirectoryAtomically", () => {
  test("shows the folder with all its content or not at all", async () => {
    const made = folder();
    const target = join(made, "run");
    const seen: string[][] = [];
    const creating = createDirectoryAtomically(target, async (temporary) => {
      await fill(temporary);
      seen.push(readdirSync(made).filter((name) => name === "run"));
    });
    await creating;
    expect(seen).toEqual([[]]);
    expect(filesBelow(made)).toEqual(["old", "run/a", "run/b"]);
  });

  test.each(codes)("leaves nothing behind, whichever call fails with %s", async (code) => {
    const failed: string[] = [];
    for (let n = 1; ; n++) {
      const made = folder();
      arm(n, code);
      const error = await createDirectoryAtomically(join(made, "run"), fill).catch((e) => e);
      const call = disarm();
      if (call === "") break;
      failed.push(call.split(" ")[0]!);
      expect(error).toBeInstanceOf(ResourceError);
      expect(error.message).toContain(`(${code})`);
      const renames = failed.slice(0, -1).filter((name) => name === "rename");
      const isRenamed = renames.length === 3;
      expect(filesBelow(made)).toEqual(isRenamed ? ["old", "run/a", "run/b"] : ["old"]);
    }
    expect(failed.length).toBe(18);
  });

  test("leaves nothing behind where filling fails for another reason", async () => {
    const made = folder();
    const creating = createDirectoryAtomically(join(made, "run"), async (temporary) => {
      await fill(temporary);
      throw new TypeError("a bug");
    });
    await expect(creating).rejects.toThrow(TypeError);
    expect(readdirSync(made)).toEqual(["old"]);
  });

  test("blames no folder for what fails elsewhere while it is filled", async () => {
    const made = folder();
    const creating = createDirectoryAtomically(join(made, "run"), async () => {
      readFileSync(join(made, "missing"));
    });
    const error = await creating.catch((reason) => reason);
    expect(error).not.toBeInstanceOf(ResourceError);
    expect(error).toMatchObject({ code: "ENOENT", path: join(made, "missing") });
    expect(readdirSync(made)).toEqual(["old"]);
  });

  test("never takes the place of a folder with content", async () => {
    const made = folder();
    const { message } = await failure(createDirectoryAtomically(made, fill), ResourceError);
    expect(message).toMatch(/a folder of that name exists/);
    expect(filesBelow(made)).toEqual(["old"]);
  });

  const disk = path("disk");
  test.skipIf(!mountDisk(disk, 64))("leaves nothing behind on a full disk", async () => {
    writeFileSync(join(disk, "filler"), new Uint8Array(40_000));
    const creating = createDirectoryAtomically(join(disk, "run"), (temporary) =>
      writeFiles(temporary, [["x", new Uint8Array(60_000)]]),
    );
    const { message } = await failure(creating, ResourceError);
    expect(message).toMatch(/cannot write .*run\..*\.tmp\/x: the disk is full/);
    expect(readdirSync(disk)).toEqual(["filler"]);
    await failure(writeFileAtomically(join(disk, "filler"), new Uint8Array(60_000)), ResourceError);
    expect(readFileSync(join(disk, "filler")).length).toBe(40_000);
    rmSync(join(disk, "filler"));
    await createDirectoryAtomically(join(disk, "run"), fill);
    expect(filesBelow(disk)).toEqual(["run/a", "run/b"]);
  });
});

describe("writeFiles", () => {
  const files = [
    ["a", "1"],
    ["b/c/d", Uint8Array.of(1, 2)],
  ] as const;

  test("makes the folders of files, which may come one by one", async () => {
    const made = folder();
    const coming = async function* () {
      yield* files;
    };
    await writeFiles(made, coming());
    expect(filesBelow(made)).toEqual(["a", "b/c/d", "old"]);
    expect([...readFileSync(join(made, "b/c/d"))]).toEqual([1, 2]);
  });

  test.each(codes)("tells of whichever call fails with %s, flushes included", async (code) => {
    const failed: string[] = [];
    for (let n = 1; ; n++) {
      const made = folder();
      arm(n, code);
      const error = await writeFiles(made, files).catch((reason) => reason);
      const call = disarm();
      if (call === "") break;
      failed.push(call.split(" ")[0]!);
      expect(error, call).toBeInstanceOf(ResourceError);
      expect(error.message).toContain(`(${code})`);
    }
    // Two files are written; they, the file that was there and two folders are flushed.
    const count = (name: string) => failed.filter((each) => each === name).length;
    expect(["mkdir", "write", "open", "fsync"].map(count)).toEqual([2, 2, 2 + 5, 5]);
  });
});
