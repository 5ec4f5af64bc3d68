// Folders and small disks for the tests.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** Makes folders that are removed after the tests of a file; gives paths in them. */
export function workshop(): (name?: string) => string {
  const folder = mkdtempSync(join(tmpdir(), "deepobf-train-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  let made = 0;
  return (name = `${made++}`) => join(folder, name);
}

/** Mounts a disk of so many KiB at a new folder; false where we may not. */
export function mountDisk(path: string, kibibytes: number): boolean {
  mkdirSync(path);
  const options = ["-t", "tmpfs", "-o", `size=${kibibytes}k`, "tmpfs", path];
  const isMounted = spawnSync("mount", options).status === 0;
  if (isMounted) afterAll(() => spawnSync("umount", [path]));
  return isMounted;
}

/** Paths of all files below a folder, in order. */
export function filesBelow(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true }) as string[];
  return names.filter((name) => statSync(join(folder, name)).isFile()).sort();
}
