// The files of one part of a folder and their classes, PART/CLASS/**, and what is wrong with them.

import { realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { append } from "../lists.ts";
import { counted } from "../text.ts";
import { compareClasses, findTwins, inClassOrder } from "./classNames.ts";
import { mostShown } from "./complaints.ts";
import type { ImageList } from "./imageFiles.ts";
import { findExtraLevel, isClass } from "./layout.ts";
import { type Listing, listImages, walk } from "./walk.ts";

/** What is learned from, or judged by. */
export interface Part extends ImageList {
  /** Folder below the data folder; "" for the data folder itself. */
  readonly path: string;
}

/** What is wrong, and what a user should know, each a sentence without its full stop. */
export interface Remarks {
  readonly complaints: readonly string[];
  readonly notes: readonly string[];
}

/** Which classes there are. */
export interface ClassesAsked {
  /** Names in the order that the user gives. */
  readonly given: readonly string[] | undefined;
  /** What the user's file was read as, for who expected other names. */
  readonly reading: string | undefined;
  readonly areUnlabelled: boolean;
}

/** Of one part. */
interface PartAsked extends ClassesAsked {
  /** What else a user may do where it holds no class folder, as the end of a sentence. */
  readonly otherwise: string;
}

/** The files of a part; with labels, each folder in it is a class. */
export async function listPart(
  folder: string,
  path: string,
  asked: PartAsked,
): Promise<Remarks & { readonly part: Part }> {
  if (!asked.areUnlabelled) return listClasses(folder, path, asked);
  const name = path || "the folder";
  const complaints: string[] = [];
  const files = await walk(folder, path, { complaints });
  if (files.length === 0) complaints.push(`${name} holds no image`);
  return { part: { name, path, files }, complaints, notes: [] };
}

async function listClasses(
  folder: string,
  path: string,
  { given, reading, otherwise }: PartAsked,
): Promise<Remarks & { readonly part: Part }> {
  const name = path || "the folder";
  const inside = await findExtraLevel(folder, path, given);
  if (inside !== undefined) {
    const complaint = `${inside} holds folders and no image: move them up to ${path}/, where they are classes`;
    return { part: { name, path, files: [] }, complaints: [complaint], notes: [] };
  }
  const complaints: string[] = [];
  const listing = await listImages(folder, path, complaints);
  const { folders } = listing;
  append(complaints, complaintsOnContent(path, listing, otherwise));
  append(complaints, findTwins(name, folders));
  const { classes, note } = given ? { classes: given, note: undefined } : inClassOrder(folders);
  const found = await filesOfClasses(folder, path, { given, classes, folders });
  append(complaints, found.complaints);
  if (found.unknown.length > 0 && reading !== undefined) complaints.push(reading);
  append(
    complaints,
    compareClasses({ name, classes: found.unknown }, { name: "--classes", classes }),
  );
  const { files, labels } = found;
  const part = { name, path, files, labels: Int32Array.from(labels), classes };
  return { part, complaints, notes: note === undefined ? [] : [note] };
}

/** What is wrong with a part that should hold class folders alone. */
function complaintsOnContent(
  path: string,
  { files, folders }: Listing,
  otherwise: string,
): string[] {
  const example = join(path, "CLASS", "IMAGE");
  if (folders.length > 0) {
    return files.map((file) => `${file} is not a folder: expected ${example}`);
  }
  const instead = files.length > 0 ? `, but ${counted(files.length, "file")}` : "";
  const name = path || "the folder";
  return [`${name} holds no class folder${instead}: expected ${example}${otherwise}`];
}

/**
 * All files below the class folders that there are, whatever the Unicode form of their names, and the number of each
 * one's class; also the folders that are no class.
 */
async function filesOfClasses(
  folder: string,
  path: string,
  {
    given,
    classes,
    folders,
  }: Pick<ClassesAsked, "given"> & {
    readonly classes: readonly string[];
    readonly folders: readonly string[];
  },
): Promise<{ files: string[]; labels: number[]; unknown: string[]; complaints: string[] }> {
  const left = new Map(folders.map((each) => [each.normalize("NFC"), each]));
  const above = [await realpath(join(folder, path))];
  const [files, labels, complaints]: [string[], number[], string[]] = [[], [], []];
  for (const [label, each] of classes.entries()) {
    const below = left.get(each.normalize("NFC"));
    if (below === undefined) continue;
    left.delete(each.normalize("NFC"));
    const known = complaints.length;
    const ofClass = await walk(folder, join(path, below), { complaints, above });
    if (ofClass.length === 0 && complaints.length === known) {
      complaints.push(`${join(path, below)} holds no image`);
    }
    if (!isClass(below, given) && repeatsSiblings(ofClass, join(path, below), folders)) {
      complaints.push(
        `${join(path, below)} holds folders that are called as those beside it, and no image itself: take it away, ` +
          "or those beside it, or name it as a class by --classes FILE",
      );
    }
    for (const file of ofClass) {
      files.push(file);
      labels.push(label);
    }
  }
  return { files, labels, unknown: [...left.values()], complaints };
}

/** Whether the files of a class all lie in folders that are called as the other classes, as a copy of them all does. */
function repeatsSiblings(
  files: readonly string[],
  path: string,
  folders: readonly string[],
): boolean {
  const siblings = new Set(folders);
  siblings.delete(basename(path));
  const isInSibling = (file: string) => {
    const [top = "", ...below] = file.slice(path.length + 1).split("/");
    return below.length > 0 && siblings.has(top);
  };
  return files.length > 0 && files.every(isInSibling);
}

/**
 * What one part has and the other has not, where both have classes. One that the given list alone has is noted of each
 * part that is used: of those to judge by alone (`judgeOnly`) where there are any.
 */
export function compareParts(
  train: Part | undefined,
  test: Part | undefined,
  { given, judgeOnly }: Pick<ClassesAsked, "given"> & { readonly judgeOnly: boolean },
): Remarks {
  if (given) {
    const used = judgeOnly && test ? [test] : [train, test];
    return { complaints: [], notes: used.flatMap((part) => (part ? notesOnMissing(part) : [])) };
  }
  const [learned, judged] = [train, test].flatMap((part) =>
    part?.classes?.length ? [{ name: part.name, classes: part.classes }] : [],
  );
  if (!learned || !judged) return { complaints: [], notes: [] };
  const complaints = [...compareClasses(judged, learned), ...compareClasses(learned, judged)];
  return { complaints, notes: [] };
}

/** A model may know classes of which there are no images. */
function notesOnMissing({ name, labels, classes = [] }: Part): string[] {
  const known = new Set(labels);
  const missing = classes.filter((_, label) => !known.has(label));
  if (missing.length === 0) return [];
  const more = missing.length - mostShown;
  const names = missing.slice(0, mostShown).join(", ") + (more > 0 ? ` and ${more} more` : "");
  return [`${name} has no image of these of --classes: ${names}`];
}
