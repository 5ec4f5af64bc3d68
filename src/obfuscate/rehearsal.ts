// What a job is about to do with a stranger's model, done once in a process that may die of it.
import { Network } from "../engine/index.ts";
import { readOriginal, wantedShape } from "../evaluate/readOriginal.ts";
import { unwatched, type Watch } from "../isolate/run.ts";
import { inferenceMode, scope, zeros } from "../torch/index.ts";
import { type PlanOptions, planOriginal } from "./original.ts";

export interface RehearsalOptions extends PlanOptions {
  /** Channels, height and width of the images; those of the file by default. */
  readonly shape?: readonly number[] | undefined;
}

/** Seconds for reading, for planning and for one image. */
const [readingSeconds, planningSeconds, runningSeconds] = [60, 120, 300];

/**
 * Reads the model, plans its chain and runs it on one blank image; only reads it where neither the file nor
 * the options say the images' shape, which is reported. Throws ModelError where it cannot be obfuscated.
 */
export async function rehearse(
  options: RehearsalOptions,
  { announce, report }: Watch = unwatched,
): Promise<void> {
  announce("reading", readingSeconds);
  const graph = await readOriginal(options.model);
  const wanted = wantedShape(graph);
  report(wanted);
  const shape = options.shape ?? wanted.shape;
  if (!isKnown(shape)) return;
  announce("planning for", planningSeconds);
  const { teacher } = planOriginal(graph, shape, options);
  announce("running", runningSeconds);
  const network = new Network(teacher);
  const image = () => ({ [teacher.inputs[0]!.name]: zeros([1, ...shape]) });
  scope(() => inferenceMode(() => void network.forward(image())));
}

function isKnown(
  shape: readonly (number | undefined)[] | undefined,
): shape is readonly [number, number, number] {
  return shape?.length === 3 && shape.every((size) => size !== undefined);
}
