// Folders that are not what their place makes them: splits by other names, a level too many, a class called train.

import { join } from "node:path";
import { isSameName } from "./classNames.ts";
import { mostShown } from "./complaints.ts";
import { listImages } from "./walk.ts";

const partWord = (words: string) =>
  new RegExp(`(^|[-_ .])(${words})(set|data|images|split|\\d+)?($|[-_ .])`, "i");
const learnedFrom = partWord("train|training");
const judgedBy = partWord("test|testing|val|valid|validation");

/**
 * What is wrong with a data folder as a whole, where the user has not given the names of its classes; `train` and `tests`
 * are the names of the parts that there are. Where images have no labels, only parts by other names are.
 */
export async function complaintsOnLayout(
  folder: string,
  {
    train,
    tests,
    given = [],
    areUnlabelled,
  }: {
    readonly train: string | undefined;
    readonly tests: readonly string[];
    readonly given: readonly string[] | undefined;
    readonly areUnlabelled: boolean;
  },
): Promise<string[]> {
  if (tests.length > 0) return [];
  const { folders } = await listImages(folder, "", []);
  if (train !== undefined) return areUnlabelled ? [] : complaintsOnClass(folder, train, folders);
  const called = folders.filter((name) => learnedFrom.test(name) || judgedBy.test(name));
  const areFlat = areUnlabelled && called.length === folders.length;
  const parts: string[] = [];
  for (const name of called) {
    if (isClass(name, given)) continue;
    if (areFlat || (await holdsFoldersAlone(folder, name))) parts.push(name);
  }
  if (
    parts.length > 1 &&
    [learnedFrom, judgedBy].every((word) => parts.some((each) => word.test(each)))
  ) {
    const names = parts.slice(0, mostShown).join("/, ");
    return [`${names}/ look like parts and not like classes: rename them train/ and test/`];
  }
  if (areUnlabelled) return [];
  const inside = await findExtraLevel(folder, "", given);
  if (inside === undefined) return [];
  return [`${inside} holds folders and no image: is images:${join(folder, inside)} meant?`];
}

/** A complaint where a part holds images as the folders beside it do, which may be classes. */
async function complaintsOnClass(
  folder: string,
  train: string,
  folders: readonly string[],
): Promise<string[]> {
  const beside = folders.filter((name) => name !== train).slice(0, mostShown);
  const inside = await listImages(folder, train, []);
  if (beside.length === 0 || inside.folders.length > 0 || inside.files.length === 0) return [];
  return [
    `${train} holds no class folder, but images: expected ${join(train, "CLASS", "IMAGE")}. If it is a class, as ` +
      `${beside.join("/, ")}/ beside it, move all of them into a new ${train}/`,
  ];
}

/** The only folder at `path`, where it holds folders and no image, so that it is no class, nor has a class's name. */
export async function findExtraLevel(
  folder: string,
  path: string,
  given: readonly string[] = [],
): Promise<string | undefined> {
  const { folders } = await listImages(folder, path, []);
  const [only, ...others] = folders;
  if (only === undefined || others.length > 0 || isClass(only, given)) return undefined;
  const inside = join(path, only);
  return (await holdsFoldersAlone(folder, inside)) ? inside : undefined;
}

/** Whether a folder is a class by its name: one of those given, in whichever Unicode form, or a number. */
export function isClass(name: string, given: readonly string[] = []): boolean {
  return /^\d+$/.test(name) || given.some((each) => isSameName(each, name));
}

async function holdsFoldersAlone(folder: string, path: string): Promise<boolean> {
  const { files, folders } = await listImages(folder, path, []);
  return files.length === 0 && folders.length > 0;
}
