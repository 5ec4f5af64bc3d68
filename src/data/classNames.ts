// The order of classes, which must be that of the model's outputs, and what may be wrong with their names.

import { UsageError } from "../errors.ts";
import { counted } from "../text.ts";
import { readClassFile } from "./classFile.ts";
import { quoteNames } from "./complaints.ts";

/**
 * Folders' names in order: by their number where all of them are whole numbers, else by their code points, in
 * which they are given. Where the two differ, the note says so.
 */
export function inClassOrder(names: readonly string[]): { classes: string[]; note?: string } {
  const classes = [...names];
  if (!names.every((name) => /^\d+$/.test(name))) return { classes };
  classes.sort((a, b) => Number(BigInt(a) - BigInt(b)));
  if (classes.every((name, place) => name === names[place])) return { classes };
  const place = classes.findIndex((name, index) => name !== names[index]);
  return {
    classes,
    note:
      `classes are in order of their numbers (${classes.slice(0, place + 1).join(", ")}, ...), not as text as ` +
      `torchvision's ImageFolder has them (${names.slice(0, place + 1).join(", ")}, ...); --classes FILE gives ` +
      "another order",
  };
}

/**
 * The list of classes that a user gives: in a file (classFile.ts), or as it is. Throws UsageError where it cannot be
 * read, is empty or names a class twice, in whichever Unicode form.
 */
export async function readClasses(given: string | readonly string[]): Promise<readonly string[]> {
  const classes = typeof given === "string" ? await readClassFile(given) : given;
  const seen = new Set<string>();
  const twice = classes.find((name) => seen.size === seen.add(name.normalize("NFC")).size);
  if (twice !== undefined) throw new UsageError(`--classes: "${twice}" is named twice`);
  if (classes.length > 0) return classes;
  throw new UsageError("--classes: expected the names of the classes, received none");
}

/** What a file of names was read as, for who expected others. */
export function describeClassFile(path: string, classes: readonly string[]): string {
  return `${path} was read as ${counted(classes.length, "name")}: ${quoteNames(classes)}`;
}

/** Complaints on classes of one part that another does not have; names may differ in form alone. */
export function compareClasses(
  from: { readonly name: string; readonly classes: readonly string[] },
  other: { readonly name: string; readonly classes: readonly string[] },
): string[] {
  const known = new Set(other.classes);
  const byLetters = new Map(other.classes.map((name) => [sameLetters(name), name]));
  return from.classes
    .filter((name) => !known.has(name))
    .map((name) => {
      const complaint = `class "${name}" is in ${from.name} but not in ${other.name}`;
      const alike = byLetters.get(sameLetters(name));
      if (alike === undefined) return complaint;
      return isSameName(alike, name)
        ? `${complaint}, which has a name of the same letters in another Unicode form (one composed, one ` +
            "decomposed): rename one of the two"
        : `${complaint}, which has "${alike}"`;
    });
}

/** Whether two names are the same but for their Unicode forms: desktops store composed letters or decomposed ones. */
export function isSameName(name: string, other: string): boolean {
  return name.normalize("NFC") === other.normalize("NFC");
}

function sameLetters(name: string): string {
  return name.normalize("NFC").toLowerCase();
}

/** Complaints on names in one part that look the same. */
export function findTwins(part: string, names: readonly string[]): string[] {
  const seen = new Map<string, string>();
  return names.flatMap((name) => {
    const form = sameLetters(name);
    const twin = seen.get(form);
    seen.set(form, name);
    if (twin === undefined) return [];
    const how = isSameName(twin, name)
      ? "twice, in two Unicode forms (composed and decomposed)"
      : `and "${twin}", which differ in case alone`;
    return [`${part} holds "${name.normalize("NFC")}" ${how}: join the two`];
  });
}
