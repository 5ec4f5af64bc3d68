// The runs of a folder, and the state that each is in.
import { readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { UsageError } from "../errors.ts";
import { sha256Of } from "../files.ts";
import { holderOf } from "../runs/lock.ts";
import { escapeInvisible } from "../text.ts";

/** What a run is doing: a job works on it, it can be resumed, or it is done. */
export type RunState = "working" | "stopped" | "finished";

export interface ListedRun {
  /** What addresses call it: letters, digits, dashes and underscores. */
  readonly id: string;
  readonly name: string;
  readonly directory: string;
  readonly state: RunState;
}

const plainName = /^[A-Za-z0-9_-]{1,64}$/;
const mostRuns = 500;

/** The folder to watch. Throws UsageError where it is none. */
export async function folderOf(path: string): Promise<string> {
  const folder = resolve(path);
  const facts = await stat(folder).catch(() => undefined);
  if (facts?.isDirectory()) return folder;
  throw new UsageError(`expected a folder of runs, but ${escapeInvisible(path)} is none`);
}

/** The runs in a folder, the newest first; the folder itself, where it is a run. Links are not followed. */
export async function listRuns(folder: string): Promise<ListedRun[]> {
  if (await isRun(folder)) return [await describe(folder)];
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const folders = entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name));
  const dated: { directory: string; began: number }[] = [];
  for (const directory of folders) {
    const config = await stat(join(directory, "config.json")).catch(() => undefined);
    if (config?.isFile()) dated.push({ directory, began: config.mtimeMs });
  }
  dated.sort((a, b) => b.began - a.began);
  return Promise.all(dated.slice(0, mostRuns).map(({ directory }) => describe(directory)));
}

async function isRun(directory: string): Promise<boolean> {
  return (await stat(join(directory, "config.json")).catch(() => undefined))?.isFile() ?? false;
}

async function describe(directory: string): Promise<ListedRun> {
  const name = basename(directory);
  const id = plainName.test(name) ? name : `run-${sha256Of(name).slice(0, 16)}`;
  return { id, name, directory, state: await stateOf(directory) };
}

/** What a run is doing now. */
export async function stateOf(directory: string): Promise<RunState> {
  if ((await holderOf(directory)) !== undefined) return "working";
  const summary = await stat(join(directory, "summary.json")).catch(() => undefined);
  return summary ? "finished" : "stopped";
}
