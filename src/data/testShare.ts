// A share of the images of each class to judge by, where a folder has no test part.

import { UsageError } from "../errors.ts";
import { randomBits } from "../graph/random.ts";
import type { Part } from "./classFolders.ts";
import type { ImageList } from "./imageFiles.ts";
import { permutation } from "./subsets.ts";

/**
 * Takes a share of each folder at the top away, of each class where they are classes, at least one image of those that
 * have more. The same images are taken in every run, whatever the order of the classes, and where labels are not read.
 * Throws UsageError where that leaves none to judge by or, unless `judgeOnly`, to learn from.
 */
export function takeShare(
  whole: Part,
  { folder, share, judgeOnly }: { folder: string; share: number; judgeOnly: boolean },
): { readonly train: ImageList; readonly test: ImageList } {
  const { files, labels } = whole;
  const isJudged = judgedPlaces(whole, share);
  const take = (judged: number, name: string): ImageList => ({
    ...whole,
    name: `${folder} (${name})`,
    files: files.filter((_, place) => isJudged[place] === judged),
    ...(labels && { labels: labels.filter((_, place) => isJudged[place] === judged) }),
  });
  const [train, test] = [take(0, "train"), take(1, "test share")];
  if (test.files.length > 0 && (judgeOnly || train.files.length > 0)) return { train, test };
  throw new UsageError(
    `--test-share: expected a share that leaves images on both sides, received ${share} of the ${files.length} ` +
      `images of ${folder}`,
  );
}

/** A 1 for each file that is to be judged by. */
function judgedPlaces(whole: Part, share: number): Uint8Array {
  const { files } = whole;
  const tops = topsOf(whole);
  const sizes = new Map<string, number>();
  for (const top of tops) sizes.set(top, (sizes.get(top) ?? 0) + 1);
  const left = new Map([...sizes].map(([top, size]) => [top, countOf(size, share)]));
  const isJudged = new Uint8Array(files.length);
  const sorted = [...files.keys()].sort((a, b) => (files[a]! < files[b]! ? -1 : 1));
  for (const place of permutation(randomBits({ seed: 0, name: "test-share" }, files.length))) {
    const file = sorted[place]!;
    const top = tops[file]!;
    if (left.get(top) === 0) continue;
    left.set(top, left.get(top)! - 1);
    isJudged[file] = 1;
  }
  return isJudged;
}

/** Each file's folder at the top of the part; one for all where each file without a label has its own. */
function topsOf({ files, path, labels }: Part): string[] {
  const depth = path === "" ? 0 : 1;
  const folders = files.map((file) => file.split("/").slice(0, -1)[depth] ?? "");
  const isOneEach = labels === undefined && new Set(folders).size === files.length;
  return isOneEach ? files.map(() => "") : folders;
}

function countOf(size: number, share: number): number {
  return share === 1 ? size : Math.min(size - 1, Math.max(1, Math.round(share * size)));
}
