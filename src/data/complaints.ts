// Collects everything that is wrong with a data set, so that the user sees all of it at once.

import { constants } from "node:buffer";
import { readdir, stat } from "node:fs/promises";
import { DataError, ResourceError } from "../errors.ts";
import { whyUnreadable } from "../systemErrors.ts";
import { escapeInvisible } from "../text.ts";

/** Complaints, classes or folders that a message shows. */
export const mostShown = 10;

/** A list of complaints as the lines of a message: the first ten, then how many more there are. */
export function listComplaints(complaints: readonly string[]): string {
  const lines = complaints
    .slice(0, mostShown)
    .map((complaint) => `\n  ${escapeInvisible(complaint)}`);
  const more = complaints.length - mostShown;
  return lines.join("") + (more > 0 ? `\n  ... and ${more} more` : "");
}

/** The first five of some names, in quotation marks. */
export function quoteNames(names: readonly string[]): string {
  const quoted = names.slice(0, 5).map((name) => JSON.stringify(name));
  return quoted.join(", ") + (names.length > quoted.length ? ", ..." : "");
}

/** Throws DataError with all complaints if there are any. */
export function assertNoComplaints(what: string, complaints: readonly string[]): void {
  if (complaints.length === 1) throw new DataError(escapeInvisible(`${what}: ${complaints[0]}`));
  if (complaints.length > 1) {
    throw new DataError(
      `${escapeInvisible(what)}: ${complaints.length} problems${listComplaints(complaints)}`,
    );
  }
}

/** A name in a folder; where a link leads to is not looked at. */
export interface Entry {
  readonly name: string;
  readonly kind: "file" | "folder" | "link";
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * What a folder holds, sorted by code point as Python sorts, and a complaint for each name that is not UTF-8, as the
 * end of a sentence. Throws DataError where the folder is missing or not a folder.
 */
export async function listEntries(
  folder: string,
): Promise<{ entries: Entry[]; complaints: string[] }> {
  const found = await readdir(folder, { encoding: "buffer", withFileTypes: true }).catch(
    (cause) => {
      const hint = folder.startsWith("~/") ? ": the shell does not expand ~ here, write $HOME" : "";
      const name = escapeInvisible(folder);
      throw new DataError(`the data folder ${name} ${whyUnreadable(cause)}${hint}`, { cause });
    },
  );
  found.sort((a, b) => Buffer.compare(a.name, b.name));
  const entries: Entry[] = [];
  const complaints: string[] = [];
  for (const each of found) {
    const kind = each.isSymbolicLink() ? "link" : each.isDirectory() ? "folder" : "file";
    try {
      entries.push({ name: utf8.decode(each.name), kind });
    } catch {
      complaints.push(`holds the name ${escaped(each.name)}, which is not UTF-8: rename it`);
    }
  }
  return { entries, complaints };
}

/** Names in a folder, sorted by code point. Throws DataError where it is missing or not a folder. */
export async function listFolder(folder: string): Promise<string[]> {
  return (await listEntries(folder)).entries.map(({ name }) => name);
}

/** A name as ASCII, other bytes as \\xNN. */
function escaped(name: Uint8Array): string {
  const characters = Array.from(name, (byte) =>
    byte >= 0x20 && byte < 0x7f
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).padStart(2, "0")}`,
  );
  return `"${characters.join("")}"`;
}

/** Size of a regular file, or what is wrong with it as the end of a sentence. */
export async function fileSize(path: string): Promise<number | string> {
  try {
    const status = await stat(path);
    return status.isFile() ? status.size : "is not a file";
  } catch (cause) {
    return whyUnreadable(cause);
  }
}

/** Throws ResourceError where `bytes` of pixels would take more than half of the free memory, or than Node can hold. */
export function assertFitsMemory(what: string, bytes: number): void {
  const gigabytes = (size: number) => `${(size / 2 ** 30).toFixed(1)} GiB`;
  const most = constants.MAX_LENGTH;
  if (bytes > most) {
    throw new ResourceError(
      `${what} takes ${gigabytes(bytes)}, and Node ${process.versions.node} holds at most ${gigabytes(most)} in one ` +
        "piece. Use fewer or smaller images, or an images: folder, which is read as it is needed",
    );
  }
  const free = process.availableMemory();
  if (bytes <= free / 2) return;
  throw new ResourceError(
    `${what} takes ${gigabytes(bytes)} of memory, but only ${gigabytes(free)} are free and at most ` +
      "half of that is used for data. Use fewer or smaller images",
  );
}
