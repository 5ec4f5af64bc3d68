// Collects everything that is wrong with a data set, so that the user sees all of it at once.

import { readdir, stat } from "node:fs/promises";
import { DataError, ResourceError } from "../errors.ts";

const shown = 10;

/** A list of complaints as the lines of a message: the first ten, then how many more there are. */
export function listComplaints(complaints: readonly string[]): string {
  const lines = complaints.slice(0, shown).map((complaint) => `\n  ${complaint}`);
  const more = complaints.length - shown;
  return lines.join("") + (more > 0 ? `\n  ... and ${more} more` : "");
}

/** Throws DataError with all complaints if there are any. */
export function assertNoComplaints(what: string, complaints: readonly string[]): void {
  if (complaints.length === 1) throw new DataError(`${what}: ${complaints[0]}`);
  if (complaints.length > 1) {
    throw new DataError(`${what}: ${complaints.length} problems${listComplaints(complaints)}`);
  }
}

/** Names in a folder, sorted by code unit. Throws DataError where it is missing or not a folder. */
export async function listFolder(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    throw new DataError(`the data folder ${folder} ${describeFailure(cause)}`, { cause });
  }
}

/** Size of a regular file, or what is wrong with it as the end of a sentence. */
export async function fileSize(path: string): Promise<number | string> {
  try {
    const status = await stat(path);
    return status.isFile() ? status.size : "is not a file";
  } catch (cause) {
    return describeFailure(cause);
  }
}

/** A file system error as the end of a sentence. */
export function describeFailure(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "does not exist";
  if (code === "ENOTDIR") return "is not a folder";
  if (code === "EISDIR") return "is a folder, not a file";
  if (code === "EACCES") return "may not be read (permission denied)";
  return `cannot be read: ${message}`;
}

/** Throws ResourceError where `bytes` of pixels would take more than half of the free memory. */
export function assertFitsMemory(what: string, bytes: number): void {
  const free = process.availableMemory();
  if (bytes <= free / 2) return;
  const gigabytes = (size: number) => `${(size / 2 ** 30).toFixed(1)} GiB`;
  throw new ResourceError(
    `${what} takes ${gigabytes(bytes)} of memory, but only ${gigabytes(free)} are free and at most ` +
      "half of that is used for data. Use fewer or smaller images",
  );
}
