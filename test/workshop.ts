// Folders, files and small disks for the tests.
import { spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll } from "vitest";
import { sha256Of } from "../src/files.ts";
import type { Graph } from "../src/graph/graph.ts";
import { encodeModel } from "../src/onnx/index.ts";

/** A path in a folder that is removed after the tests of a file; with content the file is written. */
export type Workshop = (name?: string, content?: Uint8Array | string | Graph) => string;

/** Makes a folder to work in. */
export function workshop(): Workshop {
  const folder = mkdtempSync(join(tmpdir(), "deepobf-test-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  let made = 0;
  return (name = `${made++}`, content) => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    if (content === undefined) return path;
    const isGraph = typeof content === "object" && "nodes" in content;
    writeFileSync(path, isGraph ? encodeModel(content) : content);
    return path;
  };
}

/** Mounts a disk of so many KiB at a new folder; false where we may not. */
export function mountDisk(path: string, kibibytes: number): boolean {
  mkdirSync(path);
  const options = ["-t", "tmpfs", "-o", `size=${kibibytes}k`, "tmpfs", path];
  const isMounted = spawnSync("mount", options).status === 0;
  if (isMounted) afterAll(() => spawnSync("umount", [path]));
  return isMounted;
}

/** The SHA-256 of a file. */
export function sha256(path: string): string {
  return sha256Of(readFileSync(path));
}

/** Paths of all files below a folder, in order. */
export function filesBelow(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true }) as string[];
  return names.filter((name) => statSync(join(folder, name)).isFile()).sort();
}
