// Both models: read, tried in a process of their own, and adopted.

import { readOriginal } from "../evaluate/readOriginal.ts";
import { adoptModel } from "../graph/adopt.ts";
import type { Graph } from "../graph/graph.ts";
import { runIsolated } from "../isolate/run.ts";
import { fileName } from "../text.ts";
import { knownShape } from "./rehearsal.ts";

/** Something of each model. */
export type OfBoth<T> = Readonly<Record<"original" | "obfuscated", T>>;

const rehearsal = { module: "attack/rehearsal.js", name: "rehearse" };

/** Reads both files. Throws ModelError where one cannot be attacked. */
export async function readModels(
  paths: OfBoth<string>,
  signal: AbortSignal | undefined,
): Promise<OfBoth<Graph>> {
  await rehearse(paths, { signal });
  return {
    original: await readOriginal(paths.original),
    obfuscated: await readOriginal(paths.obfuscated),
  };
}

/** Both for images of this shape, with their scores as the only output. Throws ModelError where one takes others. */
export async function adoptModels(
  files: OfBoth<Graph>,
  options: {
    readonly paths: OfBoth<string>;
    readonly shape: readonly number[];
    readonly signal: AbortSignal | undefined;
  },
): Promise<OfBoth<Graph>> {
  const { paths, shape } = options;
  if (!Object.values(files).every(knownShape)) await rehearse(paths, options);
  const adopt = (file: keyof typeof files) =>
    adoptModel(files[file], { shape, name: fileName(paths[file]) });
  return { original: adopt("original"), obfuscated: adopt("obfuscated") };
}

function rehearse(
  paths: OfBoth<string>,
  { shape, signal }: { shape?: readonly number[]; signal: AbortSignal | undefined },
): Promise<void> {
  const models = Object.values(paths);
  const model = models.map(fileName).join(" or ");
  return runIsolated(rehearsal, { options: { models, shape }, model, signal });
}
