// Folds the repeated blocks of a diagram, so that a network of a hundred layers fits on a page: blocks that follow
// each other and have the same layers at the same sizes are drawn once, with how often they stand there.
import type { Box, Kind } from "../graph/diagram.ts";

/** A box of a folded diagram; it may stand for one in each repetition. */
export interface FoldedBox {
  readonly what: string;
  /** Sizes of its output, such as `64×8×8`; of repetitions with different channels, `24–64×8×8`. */
  readonly sizes: string;
  readonly kind: Kind;
  readonly inClassifier: boolean;
  readonly from: number[];
}

/** Boxes that stand for several repetitions, by their first and last place. */
export interface Frame {
  readonly first: number;
  readonly last: number;
  readonly times: number;
}

export interface FoldedDiagram {
  readonly boxes: readonly FoldedBox[];
  readonly frames: readonly Frame[];
}

/** Places of the boxes of one block, its last one being on every path. */
type Block = readonly number[];

const longestPattern = 4;

/** The diagram with its repetitions folded. */
export function foldDiagram(boxes: readonly Box[]): FoldedDiagram {
  const blocks = blocksOf(boxes);
  const signatures = blocks.map((block) => signatureOf(boxes, block));
  const folded: FoldedBox[] = [];
  const frames: Frame[] = [];
  const placeOf = new Map<number, number>();
  for (let at = 0; at < blocks.length; ) {
    const { length, times } = longestRepetition(signatures, blocks, at);
    const pattern = blocks.slice(at, at + length).flat();
    const first = folded.length;
    for (const [i, place] of pattern.entries()) {
      const copies = Array.from({ length: times }, (_, n) => boxes[place + n * pattern.length]!);
      const { what, kind, inClassifier, from } = boxes[place]!;
      const sources = from.map((source) => placeOf.get(source)!);
      placeOf.set(place, first + i);
      folded.push({ what, kind, inClassifier, sizes: sizesOf(copies), from: sources });
    }
    if (times > 1) frames.push({ first, last: folded.length - 1, times });
    // What follows the last repetition follows the only one that is drawn.
    placeOf.set(pattern[0]! + times * pattern.length - 1, folded.length - 1);
    at += length * times;
  }
  return { boxes: folded, frames };
}

/** The diagram cut behind every box that all paths go through. */
function blocksOf(boxes: readonly Box[]): Block[] {
  const blocks: number[][] = [[]];
  const lastReader = boxes.map((_, place) => place);
  for (const [place, { from }] of boxes.entries()) {
    for (const source of from) lastReader[source] = place;
  }
  let reach = 0;
  for (const place of boxes.keys()) {
    blocks.at(-1)!.push(place);
    if (reach <= place) blocks.push([]);
    reach = Math.max(reach, lastReader[place]!);
  }
  return blocks.filter((block) => block.length > 0);
}

/** What two blocks share where one repeats the other: all but the number of channels. */
function signatureOf(boxes: readonly Box[], block: Block): string {
  const parts = block.map((place) => {
    const { what, shape, inClassifier, from } = boxes[place]!;
    return [what, shape.slice(1), inClassifier, from.map((source) => place - source)];
  });
  return JSON.stringify(parts);
}

/** The pattern that starts at a block and, repeated, covers most boxes; blocks of one box alone are no pattern. */
function longestRepetition(signatures: readonly string[], blocks: readonly Block[], at: number) {
  let best = { length: 1, times: 1, saved: 0 };
  for (let length = 1; length <= longestPattern; length++) {
    const size = blocks.slice(at, at + length).flat().length;
    let times = 1;
    while (repeats(signatures, at, { length, times })) times++;
    const saved = size * (times - 1);
    if (size > 1 && saved > best.saved && !isPlain(blocks, at, length)) {
      best = { length, times, saved };
    }
  }
  return best;
}

function repeats(
  signatures: readonly string[],
  at: number,
  { length, times }: { length: number; times: number },
): boolean {
  for (let i = 0; i < length; i++) {
    if (signatures[at + i] === undefined) return false;
    if (signatures[at + times * length + i] !== signatures[at + i]) return false;
  }
  return true;
}

/** Layers one after another, without branches, are drawn as they are: that is what a chain looks like. */
function isPlain(blocks: readonly Block[], at: number, length: number): boolean {
  return blocks.slice(at, at + length).every((block) => block.length === 1);
}

function sizesOf(copies: readonly Box[]): string {
  const [{ shape, kind }] = copies as [Box, ...Box[]];
  if (kind === "sum") return "";
  const channels = copies.map((box) => box.shape[0] ?? 0);
  const [least, most] = [Math.min(...channels), Math.max(...channels)];
  const first = least === most ? String(least) : `${least}–${most}`;
  return [first, ...shape.slice(1)].join("×");
}
