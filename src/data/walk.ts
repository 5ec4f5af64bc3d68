// Finds image files below a folder, as torchvision's ImageFolder does: at any depth, links followed. Whether a file
// is an image is for its content to say; files that people keep beside images are left out by their names.

import { realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { append } from "../lists.ts";
import { listEntries } from "./complaints.ts";

/** What desktops, storage, archives and Python leave behind, by names in small letters. */
const leftBehind = new Set([
  ...["thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "__pycache__"],
  ...["$recycle.bin", "system volume information", "network trash folder", "lost+found"],
  ...["@eadir", "@__thumb", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "~snapshot"],
]);

/** Notes, annotations, lists, checksums, cameras' and downloaders' records, where Windows has a file from, and backups. */
const besideImages = [
  /\.(txt|md|xml|jsonl?|csv|tsv|parquet|ya?ml|html?|log|ini|pdf|py|ipynb|aae|xmp|md5|sha\d+|aria2)$/i,
  /^(readme|licen[cs]e|(md5|sha\d+)sums)$/i,
  /[.:]Zone\.Identifier$|^Thumbs\.db:/i,
  /~$/,
];

/** Whether a file or folder of this name is passed over: it is hidden, an office's lock, or what was left behind. */
export function isLeftBehind(name: string): boolean {
  return /^(\.|~\$)/.test(name) || leftBehind.has(name.toLowerCase());
}

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
    if (isLeftBehind(name)) continue;
    const isFolder =
      kind === "link" ? await leadsToFolder(join(root, path, name)) : kind === "folder";
    if (isFolder) folders.push(name);
    else if (!besideImages.some((pattern) => pattern.test(name))) files.push(join(path, name));
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
