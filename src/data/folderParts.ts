// Which files of a folder are to learn from and which to judge by, and their classes: train/CLASS/**, test/CLASS/**.

import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { UsageError } from "../errors.ts";
import { randomBits } from "../graph/random.ts";
import { compareClasses, findTwins, inClassOrder, readClasses } from "./classNames.ts";
import { assertNoComplaints, listFolder } from "./complaints.ts";
import type { DataOptions } from "./dataOptions.ts";
import type { ImageList } from "./imageFiles.ts";
import { permutation } from "./subsets.ts";
import { listImages, walk } from "./walk.ts";

/** Names of the parts in any case, the ones that come first first. */
const partNames = { train: ["train"], test: ["test", "val", "valid", "validation"] } as const;
const looksLikePart =
  /^(train(ing)?|test(ing)?|val(id(ation)?)?)([-_ ]?(set|data|images|split|\d+))?$/i;

/** Classes that a note names. */
const mostNamed = 10;

interface Part extends ImageList {
  /** Folder below the data folder; "" for the data folder itself. */
  readonly path: string;
}

export interface Parts {
  readonly train: ImageList | undefined;
  readonly test: ImageList;
  readonly notes: readonly string[];
}

/**
 * Lists the images of a folder. Where it has no test part, `testShare` of the training images of each class are
 * judged by, the same in every run; where it has no parts at all, the folder itself is what train/ would be.
 * `train` is undefined where nothing is to be learned from (`judgeOnly`) and there is none. Throws DataError with
 * everything that is wrong, and UsageError for options that do not fit.
 */
export async function listParts(
  folder: string,
  { judgeOnly, ...options }: DataOptions & { readonly judgeOnly: boolean },
): Promise<Parts> {
  const complaints: string[] = [];
  const notes = new Set<string>();
  const names = await listFolder(folder);
  const given = options.classes === undefined ? undefined : await readClasses(options.classes);
  const found = findParts(names);
  const { testShare } = options;
  const unlabelled = options.labels === "none";
  const testPath = unlabelled
    ? found.tests[0]
    : await chooseTest(folder, found.tests, { testShare, notes });
  for (const part of [found.train, testPath]) complaints.push(...twinsOf(names, part));
  const isWhole = testShare !== undefined && found.train === undefined && found.tests.length === 0;
  const trainPath = isWhole ? "" : found.train;
  if (trainPath === undefined && !(judgeOnly && testPath !== undefined)) {
    complaints.push("train/ does not exist: expected train/CLASS/IMAGE");
  }
  if (testPath === undefined && testShare === undefined) {
    complaints.push(
      "test/ (or val/, valid/, validation/) does not exist: expected test/CLASS/IMAGE, or --test-share X, such as " +
        "--test-share 0.1, to judge by that share of the training images",
    );
  }
  if (testPath !== undefined && testShare !== undefined) {
    throw new UsageError(
      `--test-share: only where there is no test part, but ${folder} has ${testPath}/`,
    );
  }
  const list = async (path: string | undefined) =>
    path === undefined
      ? undefined
      : await listPart(folder, path, { complaints, notes, given, unlabelled });
  const train = await list(trainPath);
  const test = await list(testPath);
  complaints.push(...compareParts({ train, test, given, notes }));
  assertNoComplaints(`${folder} does not hold image folders`, complaints);
  const named = (part: Part, name: string) => ({ ...part, name: `${folder} (${name})` });
  if (test === undefined && trainPath) {
    const { folders } = await listImages(folder, "", []);
    const beside = folders.filter((name) => name !== trainPath).slice(0, 3);
    if (beside.length > 0) {
      notes.add(`of ${folder} only ${trainPath}/ is read, and not ${beside.join(", ")} beside it`);
    }
  }
  if (test)
    return {
      train: train && named(train, train.path),
      test: named(test, test.path),
      notes: [...notes],
    };
  return {
    ...split(named(train!, trainPath || "all"), { folder, share: testShare!, judgeOnly }),
    notes: [...notes],
  };
}

function findParts(names: readonly string[]): {
  train: string | undefined;
  tests: readonly string[];
} {
  const find = (wanted: readonly string[]) =>
    wanted.flatMap((name) => names.find((each) => each.toLowerCase() === name) ?? []);
  return { train: find(partNames.train)[0], tests: find(partNames.test) };
}

/** A complaint where a part that is read has a twin. */
function twinsOf(names: readonly string[], part: string | undefined): string[] {
  const twins = names.filter((each) => each.toLowerCase() === part?.toLowerCase());
  return twins.length > 1 ? [`${twins.join("/ and ")}/ differ in case alone`] : [];
}

/**
 * The first part to judge by that holds class folders, as the labelled val/ beside a flat test/ of a competition; where
 * none does, the first one, unless a share of the training images takes its place.
 */
async function chooseTest(
  folder: string,
  names: readonly string[],
  { testShare, notes }: { readonly testShare: number | undefined; readonly notes: Set<string> },
): Promise<string | undefined> {
  const flat: string[] = [];
  for (const name of names) {
    const { folders } = await listImages(folder, name, []);
    if (folders.length > 0) {
      if (flat.length > 0) notes.add(`${name}/ is judged by: ${withoutClasses(flat)}`);
      return name;
    }
    flat.push(name);
  }
  if (testShare === undefined || flat.length === 0) return flat[0];
  notes.add(`a share of the training images is judged by: ${withoutClasses(flat)}`);
  return undefined;
}

function withoutClasses(parts: readonly string[]): string {
  const [are, hold] = parts.length === 1 ? ["is", "holds"] : ["are", "hold"];
  return `${parts.join("/ and ")}/ ${are} passed over, which ${hold} no class folder`;
}

/** The files of a part; with labels, each folder in it is a class. */
async function listPart(
  folder: string,
  path: string,
  context: {
    readonly complaints: string[];
    readonly notes: Set<string>;
    readonly given: readonly string[] | undefined;
    readonly unlabelled: boolean;
  },
): Promise<Part> {
  const { complaints, notes, given, unlabelled } = context;
  const name = path || "the folder";
  if (unlabelled) {
    const files = await walk(folder, path, { complaints });
    if (files.length === 0) complaints.push(`${name} holds no image`);
    return { name, path, files };
  }
  const { files: stray, folders } = await listImages(folder, path, complaints);
  const example = join(path, "CLASS", "IMAGE");
  complaints.push(...stray.map((file) => `${file} is not a folder: expected ${example}`));
  complaints.push(...findTwins(name, folders));
  if (folders.length === 0) complaints.push(`${name} holds no class folder: expected ${example}`);
  if (path === "" && folders.length > 1 && folders.every((each) => looksLikePart.test(each))) {
    complaints.push(
      `${folders.slice(0, mostNamed).join("/, ")}/ look like parts and not like classes: rename them train/ and test/`,
    );
  }
  const { classes, note } = given ? { classes: given } : inClassOrder(folders);
  if (note) notes.add(note);
  const above = [await realpath(join(folder, path))];
  const files: string[] = [];
  const labels: number[] = [];
  for (const [label, each] of classes.entries()) {
    if (!folders.includes(each)) continue;
    const known = complaints.length;
    const ofClass = await walk(folder, join(path, each), { complaints, above });
    if (ofClass.length === 0 && complaints.length === known) {
      complaints.push(`${join(path, each)} holds no image`);
    }
    for (const file of ofClass) {
      files.push(file);
      labels.push(label);
    }
  }
  const unknown = folders.filter((each) => !classes.includes(each));
  complaints.push(...unknown.map((each) => `class "${each}" is in ${name} but not in --classes`));
  return { name, path, files, labels: Int32Array.from(labels), classes };
}

/** What one part has and the other has not; a class that the given list alone has is noted. */
function compareParts({
  train,
  test,
  given,
  notes,
}: {
  train: Part | undefined;
  test: Part | undefined;
  given: readonly string[] | undefined;
  notes: Set<string>;
}): string[] {
  if (given) {
    if (train) noteMissing(train, notes);
    return [];
  }
  if (!train?.classes || !test?.classes) return [];
  const parts = [train, test].map(({ name, classes }) => ({ name, classes: classes! }));
  return [...compareClasses(parts[1]!, parts[0]!), ...compareClasses(parts[0]!, parts[1]!)];
}

/** A model may know classes of which there are no images. */
function noteMissing({ name, labels, classes }: Part, notes: Set<string>): void {
  const known = new Set(labels);
  const missing = classes!.filter((_, label) => !known.has(label));
  if (missing.length === 0) return;
  const more = missing.length - mostNamed;
  const names = missing.slice(0, mostNamed).join(", ") + (more > 0 ? ` and ${more} more` : "");
  notes.add(`${name} has no image of these of --classes: ${names}`);
}

/**
 * Takes a share of each folder at the top away, of each class where they are classes, at least one image of those that
 * have more. The same images are taken in every run, whatever the order of the classes, and where labels are not read.
 */
function split(
  whole: Part,
  { folder, share, judgeOnly }: { folder: string; share: number; judgeOnly: boolean },
): Pick<Parts, "train" | "test"> {
  const { files, path, labels } = whole;
  const depth = path === "" ? 0 : 1;
  const folders = files.map((file) => file.split("/").slice(0, -1)[depth] ?? "");
  const isOneEach = labels === undefined && new Set(folders).size === files.length;
  const tops = isOneEach ? files.map(() => "") : folders;
  const sizes = new Map<string, number>();
  for (const top of tops) sizes.set(top, (sizes.get(top) ?? 0) + 1);
  const left = new Map([...sizes].map(([top, size]) => [top, shareOf(size, share)]));
  const isJudged = new Uint8Array(files.length);
  const sorted = [...files.keys()].sort((a, b) => (files[a]! < files[b]! ? -1 : 1));
  for (const place of permutation(randomBits({ seed: 0, name: "test-share" }, files.length))) {
    const file = sorted[place]!;
    const top = tops[file]!;
    if (left.get(top) === 0) continue;
    left.set(top, left.get(top)! - 1);
    isJudged[file] = 1;
  }
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

function shareOf(size: number, share: number): number {
  return share === 1 ? size : Math.min(size - 1, Math.max(1, Math.round(share * size)));
}
