// Writing files so that a crash leaves the old content or the new, never half of either.

import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { cannotWrite } from "./systemErrors.ts";

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
    await syncDirectory(dirname(path));
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
 * it, whose own folder must be there. Throws ResourceError as writeFileAtomically does; then nothing is left behind.
 */
export async function createDirectoryAtomically(
  path: string,
  fill: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await mkdir(temporary);
    await fill(temporary);
    await syncDirectory(temporary);
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await remove(temporary);
    throw cannotWrite(path, error);
  }
}

/** Makes a folder, and those above it, where it is not there. Throws ResourceError. */
export async function ensureDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((error: unknown) => {
    throw cannotWrite(path, error);
  });
}

/** Removes a file or folder as far as that goes: what went wrong before tells more. */
async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => undefined);
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
