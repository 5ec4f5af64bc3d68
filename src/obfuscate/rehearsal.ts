// What a job is about to do with a stranger's model, done once in a process that may die of it.
import { runBlank } from "../evaluate/blankRun.ts";
import { knownShape, readOriginal, wantedShape } from "../evaluate/readOriginal.ts";
import { unwatched, type Watch } from "../isolate/run.ts";
import { type PlanOptions, planOriginal } from "./original.ts";

export interface RehearsalOptions extends PlanOptions {
  /** Channels, height and width of the images; those of the file by default. */
  readonly shape?: readonly number[] | undefined;
}

/** Seconds for reading, for planning and for two images. */
const [readingSeconds, planningSeconds, runningSeconds] = [60, 120, 300];

/**
 * Reads the model, plans its chain and runs it on two blank images; only reads it where neither the file nor
 * the options say the images' shape, which is reported. Throws ModelError where it cannot be obfuscated.
 */
export async function rehearse(
  options: RehearsalOptions,
  { announce, report }: Watch = unwatched,
): Promise<void> {
  announce("reading", readingSeconds);
  const graph = await readOriginal(options.model);
  report(wantedShape(graph));
  const shape = options.shape ?? knownShape(graph);
  if (!shape) return;
  announce("planning for", planningSeconds);
  const { teacher } = planOriginal(graph, shape, options);
  announce("running", runningSeconds);
  runBlank(teacher, shape);
}
