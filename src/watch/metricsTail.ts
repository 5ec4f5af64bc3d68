// The lines of a metrics file as it grows. A place in it is an offset with the hash of the line before it: a resumed run
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
  /** Where the next reading goes on, behind what was left out, too. */
  readonly place: string;
  readonly isReset: boolean;
}

/** Longer lines are none that a run writes, and are left out. */
const longestLine = 1 << 16;
const mostBytes = 1 << 17;
const newline = 10;
const start = placeBehind(Buffer.of(), 0);

/**
 * The lines after a place, as many as fit in one reading; without a place, from the first. Throws DataError where the
 * file is no regular one.
 */
export async function readTail(path: string, place = start): Promise<Tail> {
  const file = await openOwn(path, "read").catch(unlessMissing);
  if (!file) return { lines: [], place: start, isReset: place !== start };
  try {
    const part = await readAround(file, Number.parseInt(place, 10));
    const isThere = placeBehind(part.known, part.offset) === place;
    const { known, next, offset } = isThere ? part : await readAround(file, 0);
    return { ...linesOf(next, { known, offset }), isReset: !isThere };
  } finally {
    await file.close();
  }
}

/** What lies around an offset: before it as much as its place depends on, behind it as much as is read at a time. */
interface Part {
  readonly offset: number;
  readonly known: Buffer;
  readonly next: Buffer;
}

/** The part around an offset, around the first one where the file does not reach it. */
async function readAround(file: FileHandle, asked: number): Promise<Part> {
  const offset = Number.isSafeInteger(asked) && asked > 0 ? asked : 0;
  const before = Math.min(offset, longestLine);
  const length = before + mostBytes;
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset - before);
  if (bytesRead < before) return readAround(file, 0);
  return { offset, known: buffer.subarray(0, before), next: buffer.subarray(before, bytesRead) };
}

/** The whole lines of bytes, and the place behind them; behind all bytes where they are less than a line. */
function linesOf(bytes: Buffer, { known, offset }: Omit<Part, "next">): Omit<Tail, "isReset"> {
  const lines: Line[] = [];
  let isWhole = offset === 0 || known.at(-1) === newline;
  let done = 0;
  for (let end = bytes.indexOf(newline) + 1; end > 0; end = bytes.indexOf(newline, done) + 1) {
    const line = bytes.subarray(done, end);
    if (isWhole && line.length <= longestLine) {
      const text = line.toString("utf8", 0, line.length - 1);
      lines.push({ text, place: placeBehind(line, offset + end) });
    }
    isWhole = true;
    done = end;
  }
  if (done === 0 && bytes.length === mostBytes) done = mostBytes;
  const place = placeBehind(Buffer.concat([known, bytes.subarray(0, done)]), offset + done);
  return { lines, place };
}

/** The place behind bytes, of which the last line counts, or its end. */
function placeBehind(bytes: Buffer, offset: number): string {
  const end = bytes.subarray(-longestLine);
  const line = end.subarray(end.lastIndexOf(newline, -2) + 1);
  return `${offset}-${sha256Of(line).slice(0, 12)}`;
}
