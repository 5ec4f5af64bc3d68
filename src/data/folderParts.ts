// Which parts of a folder are to learn from and which to judge by: train/CLASS/**, test/CLASS/**.

import { UsageError } from "../errors.ts";
import { compareParts, listPart, type Part, type Remarks } from "./classFolders.ts";
import { describeClassFile, readClasses } from "./classNames.ts";
import { assertNoComplaints } from "./complaints.ts";
import type { DataOptions } from "./dataOptions.ts";
import type { ImageList } from "./imageFiles.ts";
import { complaintsOnLayout } from "./layout.ts";
import { takeShare } from "./testShare.ts";
import { listImages } from "./walk.ts";

/** Names of the parts in any case, the ones that come first first. */
const partNames = { train: ["train"], test: ["test", "val", "valid", "validation"] } as const;

/** What does without images to judge by. */
const orShare =
  ", or --test-share X, such as --test-share 0.1, to judge by that share of the training images";

export interface Parts {
  readonly train: ImageList | undefined;
  readonly test: ImageList;
  readonly notes: readonly string[];
}

interface ListOptions extends DataOptions {
  /** Whether nothing is to be learned from. */
  readonly judgeOnly: boolean;
}

/** The parts by their names; "" is the folder itself. */
interface Found extends Remarks {
  readonly train: string | undefined;
  readonly test: string | undefined;
}

/**
 * Lists the images of a folder. Where it has no test part, `testShare` of the training images of each class are
 * judged by, the same in every run; where it has no parts at all, the folder itself is what train/ would be.
 * `train` is undefined where nothing is to be learned from (`judgeOnly`) and there is none. Throws DataError with
 * everything that is wrong, and UsageError for options that do not fit.
 */
export async function listParts(folder: string, options: ListOptions): Promise<Parts> {
  const { classes, labels, testShare, judgeOnly } = options;
  const given = classes === undefined ? undefined : await readClasses(classes);
  const reading =
    given && typeof classes === "string" ? describeClassFile(classes, given) : undefined;
  const asked = { given, reading, areUnlabelled: labels === "none" };
  const found = await findParts(folder, options, given);
  const list = async (path: string | undefined, otherwise = "") =>
    path === undefined ? undefined : await listPart(folder, path, { ...asked, otherwise });
  const [train, test] = [await list(found.train), await list(found.test, orShare)];
  const compared = compareParts(train?.part, test?.part, { given, judgeOnly });
  const remarks = [found, train, test, compared].filter((each) => each !== undefined);
  const complaints = new Set(remarks.flatMap((each) => each.complaints));
  assertNoComplaints(`${folder} does not hold image folders`, [...complaints]);
  const notes = [...new Set(remarks.flatMap((each) => each.notes))];
  const named = (part: Part, name: string) => ({ ...part, name: `${folder} (${name})` });
  const learned = train && named(train.part, train.part.path || "all");
  if (test) return { train: learned, test: named(test.part, test.part.path), notes };
  return { ...takeShare(learned!, { folder, share: testShare!, judgeOnly }), notes };
}

/** Throws UsageError where there is both a test part and a share of the training images to judge by. */
async function findParts(
  folder: string,
  options: ListOptions,
  given: readonly string[] | undefined,
): Promise<Found> {
  const { labels, testShare } = options;
  const { folders: names } = await listImages(folder, "", []);
  const find = (wanted: readonly string[]) =>
    wanted.flatMap((name) => names.find((each) => each.toLowerCase() === name) ?? []);
  const [[trainPart], tests] = [find(partNames.train), find(partNames.test)];
  const areUnlabelled = labels === "none";
  const layout = { train: trainPart, tests, given, areUnlabelled };
  const wrong = await complaintsOnLayout(folder, layout);
  if (wrong.length > 0) return { train: undefined, test: undefined, complaints: wrong, notes: [] };
  const { test, notes } = areUnlabelled
    ? { test: tests[0], notes: [] }
    : await chooseTest(folder, tests, { isOptional: testShare !== undefined });
  if (test !== undefined && testShare !== undefined) {
    throw new UsageError(
      `--test-share: only where there is no test part, but ${folder} has ${test}/`,
    );
  }
  const isWhole = testShare !== undefined && trainPart === undefined && tests.length === 0;
  const train = isWhole ? "" : trainPart;
  const complaints = [
    ...[train, test].flatMap((part) => twinsOf(names, part)),
    ...missingParts({ train, test }, options),
  ];
  const beside = test === undefined && train ? await notesOnOthers(folder, train) : [];
  return { train, test, complaints, notes: [...notes, ...beside] };
}

function missingParts(
  { train, test }: Pick<Found, "train" | "test">,
  { labels, testShare, judgeOnly }: ListOptions,
): string[] {
  const complaints: string[] = [];
  const image = labels === "none" ? "IMAGE" : "CLASS/IMAGE";
  if (train === undefined && !(judgeOnly && test !== undefined)) {
    complaints.push(`train/ does not exist: expected train/${image}`);
  }
  if (test === undefined && testShare === undefined) {
    complaints.push(
      `test/ (or val/, valid/, validation/) does not exist: expected test/${image}${orShare}`,
    );
  }
  return complaints;
}

/** A complaint where a part that is read has a twin. */
function twinsOf(names: readonly string[], part: string | undefined): string[] {
  const twins = names.filter((each) => each.toLowerCase() === part?.toLowerCase());
  return twins.length > 1 ? [`${twins.join("/ and ")}/ differ in case alone`] : [];
}

async function notesOnOthers(folder: string, train: string): Promise<string[]> {
  const { folders } = await listImages(folder, "", []);
  const beside = folders.filter((name) => name !== train).slice(0, 3);
  if (beside.length === 0) return [];
  return [`of ${folder} only ${train}/ is read, and not ${beside.join(", ")} beside it`];
}

/**
 * The first part to judge by that holds class folders, as the labelled val/ beside a flat test/ of a competition; where
 * none does, the first one, unless a share of the training images takes its place (`isOptional`).
 */
async function chooseTest(
  folder: string,
  names: readonly string[],
  { isOptional }: { readonly isOptional: boolean },
): Promise<Pick<Found, "test" | "notes">> {
  const flat: string[] = [];
  for (const name of names) {
    const { folders } = await listImages(folder, name, []);
    if (folders.length > 0) {
      const passedOver = flat.length > 0 ? [`${name}/ is judged by: ${withoutClasses(flat)}`] : [];
      return { test: name, notes: passedOver };
    }
    flat.push(name);
  }
  if (!isOptional || flat.length === 0) return { test: flat[0], notes: [] };
  const note = `a share of the training images is judged by: ${withoutClasses(flat)}`;
  return { test: undefined, notes: [note] };
}

function withoutClasses(parts: readonly string[]): string {
  const [are, hold] = parts.length === 1 ? ["is", "holds"] : ["are", "hold"];
  return `${parts.join("/ and ")}/ ${are} passed over, which ${hold} no class folder`;
}
