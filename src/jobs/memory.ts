// Memory that a training takes: looked at before it starts, and told when it ran out all the same.
import { isOutOfMemory, ResourceError } from "../errors.ts";
import { countMapValues } from "../graph/footprint.ts";
import type { Graph } from "../graph/graph.ts";
import { inferShapes } from "../graph/shapes.ts";
import type { Device } from "../torch/index.ts";
import type { ResolvedJobOptions } from "./options.ts";

/** Bytes that a training takes at least. */
export interface MemoryNeed {
  /** For weights, gradients and optimizers, whatever the batch. */
  readonly fixed: number;
  readonly perImage: number;
  /** Images a step. */
  readonly batchSize: number;
}

type Settings = Pick<ResolvedJobOptions, "batchSize" | "precision">;

/** Weights, gradients, two numbers of an optimizer, and an average, all float32. */
const bytesPerParameter = 4 * 5;

/** What the training of a network takes that learns from another, or from labels alone. */
export function memoryOfTraining(
  learner: Graph,
  { precision, batchSize, teacher }: Settings & { readonly teacher?: Graph },
): MemoryNeed {
  const bytes = precision === "bf16" ? 2 : 4;
  const { kept } = countMapValues(learner, inferShapes(learner));
  const widest = teacher ? countMapValues(teacher, inferShapes(teacher)).widest : 0;
  const sizes = [...learner.initializers.values()].map(({ data }) => data.byteLength / 4);
  const parameters = sizes.reduce((sum, size) => sum + size, 0);
  return { fixed: parameters * bytesPerParameter, perImage: bytes * (kept + widest), batchSize };
}

/** Throws ResourceError where a training on the CPU would take more than is free. */
export function assertFits(
  need: MemoryNeed,
  device: Device,
  free: number = process.availableMemory(),
): void {
  const { fixed, perImage, batchSize } = need;
  const bytes = fixed + batchSize * perImage;
  if (device !== "cpu" || bytes <= free) return;
  throw new ResourceError(
    `training with batches of ${batchSize} images takes at least ${gigabytes(bytes)} of memory, but ` +
      `${gigabytes(free)} are free: ${advice(need, batchSize, free)}`,
  );
}

/** The error as it is, or a ResourceError where memory ran out in a training. */
export function explainMemory(error: unknown, need: MemoryNeed): unknown {
  if (!(error instanceof Error && isOutOfMemory(error))) return error;
  const [reason] = error.message.split("\n");
  const { batchSize } = need;
  return new ResourceError(
    `memory ran out in a training with batches of ${batchSize} images (${reason}): ` +
      advice(need, batchSize / 2, process.availableMemory()),
    { cause: error },
  );
}

/** The largest power of two that leaves a third of the free memory, and is no more than `most`. */
function advice({ fixed, perImage }: MemoryNeed, most: number, free: number): string {
  const images = Math.min(most, ((2 / 3) * free - fixed) / perImage);
  if (!(images >= 1))
    return "use a machine with more, or a smaller network (of obfuscate: a smaller --max-macs)";
  return `--batch-size ${2 ** Math.floor(Math.log2(images))} fits`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toPrecision(3)} GiB`;
}
