// The main job on data and originals of a few kilobytes.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Graph } from "../../src/graph/graph.ts";
import { resnet } from "../../src/models/index.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import { idxFiles } from "../cli/fixtures.ts";

/** A residual network for 1×8×8 images and four classes. */
export function tinyResnet(): Graph {
  return resnet({ depth: 8, widths: [4, 8, 16], shape: [1, 8, 8], classes: 4, seed: 2 });
}

/** Writes a model file. */
export function writeTiny(path: string, graph: Graph = tinyResnet()): string {
  writeFileSync(path, encodeModel(graph));
  return path;
}

/** Writes 8×8 images whose brightest quarter is the class; gives the notation of the data set. */
export function writeData(folder: string, { train = 128, test = 64, size = 8 } = {}): string {
  return writeFiles(folder, idxFiles({ train, test, size }));
}

/** Writes the files of a data set in the IDX format; gives its notation. */
export function writeFiles(folder: string, files: Readonly<Record<string, Uint8Array>>): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  return `idx:${folder}`;
}
