// Writing files so that a crash leaves the old content or the new, never half of either; and what may stand in for one.

import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cannotWrite, throwCannotWrite } from "./systemErrors.ts";

/** How a Git LFS pointer begins, and what it is: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md */
export const gitLfsPointer = {
  text: "version https://git-lfs",
  is: "a Git LFS pointer; fetch the file itself: git lfs pull",
} as const;

/**
 * Writes a file under a temporary name beside its target, flushes it to the disk and renames it.
 * Throws ResourceError where the disk is full or not writable; the target is then unchanged.
 */
export async function writeFileAtomically(
  path: string,
  content: Uint8Array | string,
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await flush(dirname(path));
  } catch (error) {
    await remove(temporary);
    throw cannotWrite(path, error);
  }
}

/** Bytes that Node hashes or reads in one call: below 2 GiB. */
const mostAtOnce = 2 ** 30;

/** SHA-256 of bytes or texts, one after the other, in hexadecimal. */
export function sha256Of(...parts: readonly (Uint8Array | string)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    if (typeof part === "string") hash.update(part);
    else {
      for (let start = 0; start < part.length; start += mostAtOnce) {
        hash.update(part.subarray(start, start + mostAtOnce));
      }
    }
  }
  return hash.digest("hex");
}

/** What a file holds, also where that is more than the 2 GiB that Node reads at once. */
export async function readLargeFile(path: string): Promise<Uint8Array> {
  await using file = await open(path, "r");
  const content = new Uint8Array((await file.stat()).size);
  let length = 0;
  while (length < content.length) {
    const most = Math.min(mostAtOnce, content.length - length);
    const { bytesRead } = await file.read(content, length, most);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return content.subarray(0, length);
}

/**
 * Makes a folder with its content appear in one rename: `fill` writes into a temporary folder beside
 * it, whose own folder must be there. Throws ResourceError as writeFileAtomically does, and what `fill` throws; then
 * nothing is left behind.
 */
export async function createDirectoryAtomically(
  path: string,
  fill: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await mkdir(temporary).catch(throwCannotWrite(path));
    await fill(temporary);
    await moveTo(path, temporary).catch(throwCannotWrite(path));
  } catch (error) {
    await remove(temporary);
    throw error;
  }
}

async function moveTo(path: string, temporary: string): Promise<void> {
  await flush(temporary);
  await rename(temporary, path);
  await flush(dirname(path));
}

/**
 * Writes files by their names below a folder that nobody reads yet, and flushes them to the disk together at the end:
 * one by one thousands would take minutes. Throws ResourceError where they cannot be written, and what `files` throws.
 */
export async function writeFiles(
  folder: string,
  files: Iterable<NamedContent> | AsyncIterable<NamedContent>,
): Promise<void> {
  for await (const [name, content] of files) {
    const path = join(folder, name);
    await ensureDirectory(dirname(path));
    await writeNew(path, content).catch(throwCannotWrite(path));
  }
  await flushBelow(folder).catch(throwCannotWrite(folder));
}

type NamedContent = readonly [name: string, content: Uint8Array | string];

async function writeNew(path: string, content: Uint8Array | string): Promise<void> {
  await using file = await open(path, "wx");
  await file.writeFile(content);
}

const flushedAtOnce = 8;

async function flushBelow(folder: string): Promise<void> {
  const left = (await readdir(folder, { recursive: true })).values();
  const flushSome = async () => {
    for (const name of left) await flush(join(folder, name));
  };
  const ends = await Promise.allSettled(Array.from({ length: flushedAtOnce }, flushSome));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** Makes a folder, and those above it, where it is not there. Throws ResourceError. */
export async function ensureDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch(throwCannotWrite(path));
}

/** Removes a file or folder as far as that goes: what went wrong before tells more. */
async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => undefined);
}

/** Flushes a file or the entries of a folder to the disk. */
async function flush(path: string): Promise<void> {
  await using opened = await open(path, "r");
  await opened.sync();
}
