// Counter-based random numbers: the i-th number of a stream is a pure function of seed, stream name
// and i, so nothing drawn elsewhere changes it. Threefry-2x32 with 20 rounds (Salmon et al., "Parallel
// random numbers: as easy as 1, 2, 3", SC 2011), which needs 32-bit additions and rotations only.

/** A stream of random numbers: the run's seed and what the numbers are for. */
export interface Stream {
  /** An integer from 0 to 2^53 - 1. */
  readonly seed: number;
  readonly name: string;
}

/** 32-bit random integers. */
export function randomBits(stream: Stream, count: number): Uint32Array {
  const key = streamKey(stream);
  const bits = new Uint32Array(count + (count % 2));
  const block = new Uint32Array(2);
  for (let i = 0; i < count; i += 2) {
    block[0] = i / 2;
    block[1] = 0;
    threefry(key, block);
    bits[i] = block[0];
    bits[i + 1] = block[1];
  }
  return bits.subarray(0, count);
}

/** Uniformly distributed numbers from 0 (included) to 1 (excluded), multiples of 2^-24. */
export function uniform(stream: Stream, count: number): Float32Array {
  return Float32Array.from(randomBits(stream, count), (bits) => (bits >>> 8) * 2 ** -24);
}

/** Numbers of the standard normal distribution (Box and Muller's method). */
export function normal(stream: Stream, count: number): Float32Array {
  const even = count + (count % 2);
  const bits = randomBits(stream, even);
  const values = new Float32Array(even);
  for (let i = 0; i < even; i += 2) {
    const radius = Math.sqrt(-2 * Math.log((bits[i]! + 0.5) * 2 ** -32));
    const angle = 2 * Math.PI * (bits[i + 1]! * 2 ** -32);
    values[i] = radius * Math.cos(angle);
    values[i + 1] = radius * Math.sin(angle);
  }
  return values.subarray(0, count);
}

/**
 * Numbers of the distribution Beta(alpha, alpha), alpha > 0: 1/2 + t / (2 sqrt(2 alpha + t²)) of numbers t of Student's
 * distribution with 2 alpha degrees of freedom, which Bailey's polar method makes of two uniform ones
 * (Devroye 1996, "Random variate generation in one line of code", Winter Simulation Conference).
 */
export function symmetricBeta(stream: Stream, alpha: number, count: number): Float64Array {
  const uniforms = uniform(stream, 2 * count);
  return Float64Array.from({ length: count }, (_, i) => {
    const radius = uniforms[2 * i]! ** (-1 / alpha) - 1; // squared, over 2 alpha
    const cosine = Math.cos(2 * Math.PI * uniforms[2 * i + 1]!);
    return (1 + cosine / Math.sqrt(cosine ** 2 + 1 / radius)) / 2;
  });
}

const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** One block of Threefry-2x32-20, in place: `block` is the counter before and random bits after. */
export function threefry(key: Uint32Array, block: Uint32Array): void {
  const keys = [key[0]! | 0, key[1]! | 0, 0x1bd11bda ^ key[0]! ^ key[1]!];
  let left = (block[0]! + keys[0]!) | 0;
  let right = (block[1]! + keys[1]!) | 0;
  for (let round = 0; round < 20; round++) {
    const rotation = rotations[round % 8]!;
    left = (left + right) | 0;
    right = ((right << rotation) | (right >>> (32 - rotation))) ^ left;
    if (round % 4 === 3) {
      const step = (round + 1) / 4;
      left = (left + keys[step % 3]!) | 0;
      right = (right + keys[(step + 1) % 3]! + step) | 0;
    }
  }
  block[0] = left;
  block[1] = right;
}

// The key of a stream is the hash of its name, encrypted under the seed.
function streamKey({ seed, name }: Stream): Uint32Array {
  const key = Uint32Array.of(seed % 2 ** 32, Math.floor(seed / 2 ** 32));
  const block = Uint32Array.of(hash(name, 0x811c9dc5), hash(name, 0x9e3779b9));
  threefry(key, block);
  return block;
}

// FNV-1a over the UTF-16 code units.
function hash(text: string, basis: number): number {
  let state = basis;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return state;
}
