// What an attack is about to do with strangers' models, done once in a process that may die of it.
import { Network } from "../engine/index.ts";
import { readOriginal, wantedShape } from "../evaluate/readOriginal.ts";
import { adoptModel } from "../graph/adopt.ts";
import type { Graph } from "../graph/graph.ts";
import { unwatched, type Watch } from "../isolate/run.ts";
import { fileName } from "../text.ts";
import { inferenceMode, scope, zeros } from "../torch/index.ts";

/** Seconds for reading a model and for running one image. */
const [readingSeconds, runningSeconds] = [60, 300];

interface RehearsalOptions {
  /** Paths, and the output of each that tells the classes apart; found where it is not given. */
  readonly models: readonly { readonly path: string; readonly output?: string | undefined }[];
  readonly shape?: readonly number[];
}

/**
 * Reads the models and runs each on a blank image of `shape`, or of what its file says; only reads it where neither is
 * known. Throws ModelError where one cannot be attacked.
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
    const adopted = adoptModel(graph, { shape: sizes, name: fileName(path), output });
    using network = new Network(adopted);
    const image = () => ({ [adopted.inputs[0]!.name]: zeros([1, ...sizes]) });
    scope(() => inferenceMode(() => void network.forward(image())));
  }
}

/** Channels, height and width where the file says all of them. */
export function knownShape(graph: Graph): readonly number[] | undefined {
  const sizes = wantedShape(graph).shape?.filter((size) => size !== undefined);
  return sizes?.length === 3 ? sizes : undefined;
}
