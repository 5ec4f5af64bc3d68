// The lines of a metrics file as it grows. A place in it is the end of a line, with the line's hash: a resumed run
// repeats what came after its checkpoint, so a place may be no longer what it was.
import type { FileHandle } from "node:fs/promises";
import { sha256Of } from "../files.ts";
import { openOwn, unlessMissing } from "../runs/ownFiles.ts";

export interface Line {
  readonly text: string;
  /** Its end, as the next reading takes it. */
  readonly place: string;
}

/** What came after a place; `isReset` where the file is another since, so that these are all of its lines. */
export interface Tail {
  readonly lines: readonly Line[];
  readonly isReset: boolean;
}

/** Longer lines are none that a run writes, and are left out. */
const longestLine = 1 << 16;
const mostBytes = 1 << 17;
const start = "0-";

/**
 * The lines after a place, as many as fit in one reading; without a place, from the first. Throws DataError where the
 * file is no regular one.
 */
export async function readTail(path: string, place = start): Promise<Tail> {
  const [digits = "", hash = ""] = place.split("-");
  const asked = Number(digits);
  const file = await openOwn(path, "read").catch(unlessMissing);
  if (!file) return { lines: [], isReset: place !== start };
  try {
    const isThere = asked === 0 || (await endsLine(file, asked, hash));
    const from = isThere ? asked : 0;
    return { lines: await linesFrom(file, from), isReset: !isThere };
  } finally {
    await file.close();
  }
}

async function linesFrom(file: FileHandle, from: number): Promise<Line[]> {
  const bytes = await readAt(file, from, mostBytes);
  const lines: Line[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf(10, at);
    if (end < 0) return lines;
    const line = bytes.subarray(at, end);
    if (line.length < longestLine) {
      lines.push({ text: line.toString("utf8"), place: `${from + end + 1}-${hashOf(line)}` });
    }
    at = end + 1;
  }
}

/** Whether a line with this hash ends at a place. */
async function endsLine(file: FileHandle, place: number, hash: string): Promise<boolean> {
  if (!Number.isSafeInteger(place) || place < 1) return false;
  const from = Math.max(0, place - longestLine);
  const bytes = await readAt(file, from, place - from);
  if (bytes.length !== place - from || bytes.at(-1) !== 10) return false;
  const begin = bytes.subarray(0, -1).lastIndexOf(10) + 1;
  return hashOf(bytes.subarray(begin, -1)) === hash;
}

async function readAt(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, from);
  return buffer.subarray(0, bytesRead);
}

function hashOf(line: Uint8Array): string {
  return sha256Of(line).slice(0, 12);
}
