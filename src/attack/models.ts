// Both models: read, tried in a process of their own, and adopted.

import { knownShape, readOriginal } from "../evaluate/readOriginal.ts";
import { adoptModel } from "../graph/adopt.ts";
import type { Graph } from "../graph/graph.ts";
import { runIsolated } from "../isolate/run.ts";
import { fileName } from "../text.ts";

/** Something of each model. */
export type OfBoth<T> = Readonly<Record<"original" | "obfuscated", T>>;

const rehearsal = { module: "attack/rehearsal.js", name: "rehearse" };

/** Which files, and how they are read. */
interface ModelsOptions {
  readonly paths: OfBoth<string>;
  /** The original's output that tells the classes apart; found where it is not given. */
  readonly output: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Reads both files. Throws ModelError where one cannot be attacked. */
export async function readModels(options: ModelsOptions): Promise<OfBoth<Graph>> {
  await rehearseApart(options);
  const { original, obfuscated } = options.paths;
  return { original: await readOriginal(original), obfuscated: await readOriginal(obfuscated) };
}

/** Both for images of this shape, with their scores as the only output. Throws ModelError where one takes others. */
export async function adoptModels(
  files: OfBoth<Graph>,
  options: ModelsOptions & { readonly shape: readonly number[] },
): Promise<OfBoth<Graph>> {
  const { paths, shape, output } = options;
  if (!Object.values(files).every(knownShape)) await rehearseApart(options);
  const adopt = (file: keyof typeof files, output?: string) =>
    adoptModel(files[file], { shape, name: fileName(paths[file]), output });
  return { original: adopt("original", output), obfuscated: adopt("obfuscated") };
}

/** Does in a process of its own what this one is about to do with the models. */
function rehearseApart({
  paths: { original, obfuscated },
  ...options
}: ModelsOptions & { readonly shape?: readonly number[] }): Promise<void> {
  const { shape, output, signal } = options;
  const models = [{ path: original, output }, { path: obfuscated }];
  const model = models.map(({ path }) => fileName(path)).join(" or ");
  return runIsolated(rehearsal, { options: { models, shape }, model, signal });
}
