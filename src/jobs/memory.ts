// Memory that a training takes: looked at before it starts, and told when it ran out all the same. Each of several workers
// takes its share of the batch, and those on one host share its memory.
import { isOutOfMemory, ResourceError } from "../errors.ts";
import { countMapValues } from "../graph/footprint.ts";
import type { Graph } from "../graph/graph.ts";
import { inferShapes } from "../graph/shapes.ts";
import type { Device } from "../torch/index.ts";
import { type Membership, membership } from "../workers/membership.ts";
import type { ResolvedJobOptions } from "./options.ts";

/** Bytes that a training takes at least. */
export interface MemoryNeed {
  /** For weights, gradients and optimizers, whatever the batch. */
  readonly fixed: number;
  readonly perImage: number;
  /** Images a step, of all workers. */
  readonly batchSize: number;
}

/** Who trains, and with what. */
export interface Host {
  /** Bytes that are free. */
  readonly free?: number;
  /** Which of several workers this process is; what the environment tells by default. */
  readonly membership?: Pick<Membership, "size" | "localSize"> | undefined;
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
export function assertFits(need: MemoryNeed, device: Device, host: Host = {}): void {
  const { free, each, workers, here } = shareOf(need, host);
  const bytes = here * (each.fixed + each.batchSize * each.perImage);
  if (device !== "cpu" || bytes <= free) return;
  throw new ResourceError(
    `training with batches of ${need.batchSize} images takes at least ${gigabytes(bytes)} of memory` +
      `${workers > 1 ? ` for ${here} of ${workers} workers` : ""}, but ${gigabytes(free)} are free: ` +
      advice(need, each.batchSize, host),
  );
}

/** The error as it is, or a ResourceError where memory ran out in a training. */
export function explainMemory(error: unknown, need: MemoryNeed, host: Host = {}): unknown {
  if (!(error instanceof Error && isOutOfMemory(error))) return error;
  const [reason] = error.message.split("\n");
  return new ResourceError(
    `memory ran out in a training with batches of ${need.batchSize} images (${reason}): ` +
      advice(need, shareOf(need, host).each.batchSize / 2, host),
    { cause: error },
  );
}

/** What each worker takes, how many there are, and how many of them share what is free here. */
function shareOf(
  need: MemoryNeed,
  { free = process.availableMemory(), membership: own = membership() }: Host,
) {
  const { size: workers, localSize: here } = own ?? { size: 1, localSize: 1 };
  return { free, workers, here, each: { ...need, batchSize: need.batchSize / workers } };
}

/** The largest power of two a worker that leaves a third of the free memory, and is no more than `most`. */
function advice(need: MemoryNeed, most: number, host: Host): string {
  const { free, workers, here } = shareOf(need, host);
  const images = Math.min(most, ((2 / 3) * (free / here) - need.fixed) / need.perImage);
  if (!(images >= 1))
    return "use a machine with more, or a smaller network (of obfuscate: a smaller --max-macs)";
  return `--batch-size ${workers * 2 ** Math.floor(Math.log2(images))} fits`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toPrecision(3)} GiB`;
}
