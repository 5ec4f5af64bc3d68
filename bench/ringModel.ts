// What a step takes with many workers, by the ring all-reduce that gloo does (Patarasu and Yuan 2009, "Bandwidth optimal
// all-reduce algorithms for clusters of workstations"): 2 (W - 1) messages, each of 1/W of the numbers.

/** What connects two neighbours of the ring. */
export interface Network {
  readonly bytesPerSecond: number;
  /** Seconds of a message of no length. */
  readonly latency: number;
}

/** The network between two workers who sum one float in so many seconds, and so many bytes in these. */
export function measuredNetwork(
  { oneFloat, all }: { readonly oneFloat: number; readonly all: number },
  bytes: number,
): Network {
  const bytesPerSecond = (bytes - 4) / (all - oneFloat);
  return { bytesPerSecond, latency: (oneFloat - 4 / bytesPerSecond) / 2 };
}

/** A step of one worker. */
export interface Job {
  /** Forward and backward pass and update, without any sum. */
  readonly computeSeconds: number;
  /** Bytes of the gradients that are summed at a time. */
  readonly buckets: readonly number[];
  /** Each sums twice, once in each direction, and the step waits for it. */
  readonly batchNorms: number;
}

/** Numbers after which a bucket is full: `fullBucket` of native/gradients.cc. */
const fullBucket = 2 ** 18;

/** Share of a step that is the backward pass, which the sums of the gradients overlap with. */
const backwardShare = 2 / 3;

/** Seconds of a sum of so many bytes over so many workers. */
export function ringSeconds(
  count: number,
  bytes: number,
  { bytesPerSecond, latency }: Network,
): number {
  return 2 * (count - 1) * (latency + bytes / count / bytesPerSecond);
}

/** Bytes of the buckets of parameters of so many numbers each, in their order: from the last one, none of them divided. */
export function bucketsOf(parameters: readonly number[]): number[] {
  const buckets: number[] = [];
  for (const size of parameters.toReversed()) {
    const open = buckets.at(-1) ?? fullBucket;
    if (open >= fullBucket) buckets.push(size);
    else buckets[buckets.length - 1] = open + size;
  }
  return buckets.map((size) => 4 * size);
}

/** Seconds of the sums of all gradients, whose buckets are assumed to go one after the other: each waits for its messages. */
export function gradientSeconds(
  count: number,
  buckets: readonly number[],
  network: Network,
): number {
  return buckets.reduce((sum, bytes) => sum + ringSeconds(count, bytes, network), 0);
}

/** Seconds of a step: what the sums of the gradients take beyond the backward pass, and those of the batch norms. */
export function stepSeconds(count: number, job: Job, network: Network): number {
  const { computeSeconds, buckets, batchNorms } = job;
  const gradients = gradientSeconds(count, buckets, network);
  const exposed = Math.max(0, gradients - backwardShare * computeSeconds);
  // The sums of a batch norm, and one number by which the workers agree whether to go on.
  const small = (2 * batchNorms + 1) * ringSeconds(count, 2000, network);
  return computeSeconds + exposed + small;
}
