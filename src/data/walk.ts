// Finds image files below a folder, as torchvision's ImageFolder does: at any depth, links followed. Whether a file
// is an image is for its content to say; files that people keep beside images are left out by their names.

import { realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { append } from "../lists.ts";
import { listEntries } from "./complaints.ts";

/** Names of what desktops, archives and notebooks leave behind, which is passed over. */
export const leftBehind =
  /^\.|^((eh)?thumbs\.db|desktop\.ini|Icon\r|__MACOSX|@eaDir|\$RECYCLE\.BIN|System Volume Information)$/i;

/** Notes, annotations and lists. */
const besideImages = /\.(txt|md|xml|json|csv|tsv|ya?ml|html?|log|ini|pdf|py|ipynb)$/i;

export interface Listing {
  /** Paths below the data folder. */
  readonly files: string[];
  /** Names of the folders at the top. */
  readonly folders: string[];
}

/** Files and folders right in `path` below `root`, in order of their code points, without what is left out. */
export async function listImages(
  root: string,
  path: string,
  complaints: string[],
): Promise<Listing> {
  const entries = await listEntries(join(root, path));
  const own = entries.complaints.map((complaint) => `${join(path, ".")} ${complaint}`);
  append(complaints, own);
  const files: string[] = [];
  const folders: string[] = [];
  for (const { name, kind } of entries.entries) {
    if (leftBehind.test(name)) continue;
    const isFolder =
      kind === "link" ? await leadsToFolder(join(root, path, name)) : kind === "folder";
    if (isFolder) folders.push(name);
    else if (!besideImages.test(name)) files.push(join(path, name));
  }
  return { files, folders };
}

interface Walk {
  readonly complaints: string[];
  /** Folders above, by their real paths. */
  readonly above?: readonly string[];
  /** Folders that this walk came to, by their real paths. */
  readonly reached?: Map<string, string>;
}

/**
 * All files below `path`, those of a folder before those of the folders in it. No folder is gone through twice: links
 * that share their targets would double the work at each level.
 */
export async function walk(
  root: string,
  path: string,
  { complaints, above = [], reached = new Map() }: Walk,
): Promise<string[]> {
  const place = await realpath(join(root, path));
  const same = above.includes(place) ? "one above it" : reached.get(place);
  if (same !== undefined) {
    complaints.push(`${path} leads to the same folder as ${same}, whose images would count again`);
    return [];
  }
  reached.set(place, path);
  const { files, folders } = await listImages(root, path, complaints);
  for (const folder of folders) {
    const below = { complaints, above: [...above, place], reached };
    for (const file of await walk(root, join(path, folder), below)) files.push(file);
  }
  return files;
}

async function leadsToFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
}
