// Image files as data sets: a few are decoded once and kept, many are decoded when they are asked for.

import { join } from "node:path";
import { DataError } from "../errors.ts";
import { assertFitsMemory, assertNoComplaints, listComplaints, mostShown } from "./complaints.ts";
import { type Dataset, imageBytes, inMemory } from "./dataset.ts";
import { decodeImage } from "./decode.ts";
import { decodeFiles, type FilesReport, probeFiles } from "./decodePool.ts";
import type { ImageView } from "./imageView.ts";

/** Pixels that are kept, where half of the free memory holds them, too. */
const mostKept = 2 ** 30;

/** Files of one part of a folder, and their labels where they have any. */
export interface ImageList extends Pick<Dataset, "name" | "labels" | "classes"> {
  /** Paths below the folder. */
  readonly files: readonly string[];
}

/**
 * The images of these files below `folder`. All of them are looked at first, and decoded where memory is to
 * keep them. Throws DataError with everything that is wrong, and ResourceError where sharp is
 * missing, or memory holds not even one image.
 */
export async function openImageFiles(
  lists: readonly ImageList[],
  { folder, view, mostBytes = mostKept }: { folder: string; view: ImageView; mostBytes?: number },
): Promise<Dataset[]> {
  const files = lists.flatMap((list) => list.files);
  const paths = files.map((file) => join(folder, file));
  const size = imageBytes(view);
  assertFitsMemory(`an image of ${view.shape.join("×")} in ${folder}`, size);
  const areKept = files.length * size <= Math.min(mostBytes, process.availableMemory() / 2);
  const pixels = areKept ? new SharedArrayBuffer(files.length * size) : undefined;
  const report = pixels ? await decodeFiles(paths, view, pixels) : await probeFiles(paths, view);
  const complaints = await complaintsOf(files, { folder, view, report });
  assertNoComplaints(`images of ${folder} cannot be used`, complaints);
  let first = 0;
  return lists.map(({ files: ofList, ...list }) => {
    const start = first;
    first += ofList.length;
    const { shape, channelOrder } = view;
    const turned = new Uint8Array(ofList.length);
    for (const place of report.turned) {
      if (place >= start && place < first) turned[place - start] = 1;
    }
    const known = {
      ...list,
      shape,
      ...(channelOrder === "bgr" && { channelOrder }),
      ...(turned.includes(1) && { turned }),
    };
    if (pixels) {
      const ofPart = new Uint8Array(pixels, start * size, ofList.length * size);
      return inMemory({ ...known, pixels: ofPart });
    }
    const read = (indices: Int32Array) => {
      const chosen = Array.from(indices, (index) => ofList[index]!);
      return readFiles(chosen, { folder, view });
    };
    return { ...known, count: ofList.length, read };
  });
}

async function readFiles(
  files: readonly string[],
  { folder, view }: { folder: string; view: ImageView },
): Promise<Uint8Array> {
  const pixels = new SharedArrayBuffer(files.length * imageBytes(view));
  const paths = files.map((file) => join(folder, file));
  const report = await decodeFiles(paths, view, pixels);
  const complaints = await complaintsOf(files, { folder, view, report });
  if (complaints.length === 0) return new Uint8Array(pixels);
  throw new DataError(
    `images of ${folder} can no longer be used: put them right, then go on${listComplaints(complaints)}`,
  );
}

/**
 * Complaints in the order of the files. Those that are shown are found once more, one at a time: libvips keeps one text for
 * all threads, so that a file may have got another's reason.
 */
async function complaintsOf(
  files: readonly string[],
  { folder, view, report }: { folder: string; view: ImageView; report: FilesReport },
): Promise<string[]> {
  const found = [...report.complaints].sort(([a], [b]) => a - b);
  const complaints: string[] = [];
  for (const [number, [place, first]] of found.entries()) {
    const file = files[place]!;
    const again = number < mostShown ? await decodeImage(join(folder, file), view) : first;
    complaints.push(`${file} ${typeof again === "string" ? again : first}`);
  }
  return complaints;
}
