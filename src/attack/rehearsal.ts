// What an attack is about to do with strangers' models, done once in a process that may die of it.
import { runBlank } from "../evaluate/blankRun.ts";
import { knownShape, readOriginal } from "../evaluate/readOriginal.ts";
import { adoptModel } from "../graph/adopt.ts";
import { unwatched, type Watch } from "../isolate/run.ts";
import { fileName } from "../text.ts";

/** Seconds for reading a model and for running two images. */
const [readingSeconds, runningSeconds] = [60, 300];

interface RehearsalOptions {
  /** Paths, and the output of each that tells the classes apart; found where it is not given. */
  readonly models: readonly { readonly path: string; readonly output?: string | undefined }[];
  readonly shape?: readonly number[];
}

/**
 * Reads the models and runs each on two blank images of `shape`, or of what its file says; only reads it where neither
 * is known. Throws ModelError where one cannot be attacked.
 */
export async function rehearse(
  { models, shape }: RehearsalOptions,
  { announce }: Watch = unwatched,
): Promise<void> {
  for (const { path, output } of models) {
    announce("reading", readingSeconds);
    const graph = await readOriginal(path);
    const sizes = shape ?? knownShape(graph);
    if (!sizes) continue;
    announce("running", runningSeconds);
    runBlank(adoptModel(graph, { shape: sizes, name: fileName(path), output }), sizes);
  }
}
