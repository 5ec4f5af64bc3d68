// The files of a run, whose folder a stranger may have made: only regular files are opened, no link is followed, no
// pipe is waited for. What lies elsewhere is thus never read, changed or removed.
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import { DataError } from "../errors.ts";
import { escapeInvisible } from "../text.ts";

const { O_RDONLY, O_WRONLY, O_APPEND, O_CREAT, O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;

const modes = {
  read: O_RDONLY,
  change: O_RDWR,
  append: O_WRONLY | O_APPEND | O_CREAT,
  lock: O_RDWR | O_CREAT,
} as const;

/**
 * Opens a file of a run; close it after use. One that is changed may have no other name, by which it would lie
 * elsewhere as well. Throws DataError where it is no regular file.
 */
export async function openOwn(path: string, mode: keyof typeof modes): Promise<FileHandle> {
  const flags = modes[mode] | O_NOFOLLOW | O_NONBLOCK;
  const file = await open(path, flags, 0o666).catch((error) => {
    throw refusals[error.code as keyof typeof refusals]?.(path) ?? error;
  });
  const facts = await file.stat();
  const problem = facts.isFile()
    ? mode !== "read" && facts.nlink > 1 && "has several names, by hard links"
    : "is no regular file";
  if (!problem) return file;
  await file.close();
  throw foreign(path, problem);
}

/** What a file of a run holds, of at most `limit` bytes; undefined where it is missing. Throws DataError. */
export async function readOwn(path: string, limit: number): Promise<Buffer | undefined> {
  await using file = await openToRead(path, limit);
  return await file?.readFile();
}

const bytesAtOnce = 2 ** 20;

/** SHA-256 of such a file in hexadecimal; undefined where it is missing. Throws DataError. */
export async function sha256OfOwn(path: string, limit: number): Promise<string | undefined> {
  await using file = await openToRead(path, limit);
  if (!file) return undefined;
  const hash = createHash("sha256");
  const part = Buffer.alloc(bytesAtOnce);
  for (;;) {
    const { bytesRead } = await file.read(part);
    if (bytesRead === 0) return hash.digest("hex");
    hash.update(part.subarray(0, bytesRead));
  }
}

async function openToRead(path: string, limit: number): Promise<FileHandle | undefined> {
  const file = await openOwn(path, "read").catch(unlessMissing);
  const facts = await file?.stat().catch(async (error: unknown) => {
    await file.close();
    throw error;
  });
  const size = facts?.size ?? 0;
  if (size <= limit) return file;
  await file?.close();
  throw foreign(path, `holds ${size} bytes, and at most ${limit} are read`);
}

/** Whether a folder of a run is there. Throws DataError where something else is in its place. */
export async function hasOwnFolder(path: string): Promise<boolean> {
  const facts = await lstat(path).catch(unlessMissing);
  if (facts && !facts.isDirectory()) throw foreign(path, "is no folder, or a link to one");
  return facts !== undefined;
}

/** Undefined in place of what is not there; throws other errors. */
export function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
}

const refusals = {
  ELOOP: (path: string) => foreign(path, "is a link"),
  ENXIO: (path: string) => foreign(path, "is no regular file"),
  EISDIR: (path: string) => foreign(path, "is a folder"),
} as const;

function foreign(path: string, problem: string): DataError {
  return new DataError(
    `${escapeInvisible(path)} ${problem}: no run leaves such a file. Take it away, or begin a new run`,
  );
}
