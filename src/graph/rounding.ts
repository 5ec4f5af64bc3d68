// How far numbers may be from those that they were rounded from, told by the numbers alone: float32 that was stored in
// fewer bits before is still as coarse as it was then.

/** Largest distance of a value from what it was rounded to it: `relative` times its size, and `absolute`. */
export interface Rounding {
  readonly relative: number;
  readonly absolute: number;
}

/** Largest number of steps in quantized weights, and how far from whole numbers of steps float32 leaves them. */
const [mostSteps, stepTolerance] = [127, 1e-4];

/** Numbers of fewer sizes than these, zero left out, may be whole steps by chance. */
const fewestSizes = 4;

/**
 * The rounding of numbers that all are whole steps of int8, with the largest at the end of its range, or all fit
 * bfloat16 or float16; 0 for others.
 */
export function roundingOf(values: Float32Array): Rounding {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const isWhole = (value: number) => {
    const steps = (value / largest) * mostSteps;
    const whole = Math.round(steps);
    return value === 0 || (whole !== 0 && Math.abs(steps - whole) < stepTolerance);
  };
  if (!areOfManySizes(values)) return { relative: 0, absolute: 0 };
  if (values.every(isWhole)) return { relative: 0, absolute: largest / mostSteps / 2 };
  if (bits.every((each) => (each & 0xffff) === 0)) return { relative: 2 ** -8, absolute: 0 };
  const fitsFloat16 = (value: number, place: number) =>
    (bits[place]! & 0x1fff) === 0 && Number.isInteger(value * 2 ** 24) && Math.abs(value) <= 65504;
  return values.every(fitsFloat16)
    ? { relative: 2 ** -11, absolute: 2 ** -25 }
    : { relative: 0, absolute: 0 };
}

/** Variances below this share of the squared mean are rounding. */
const leastVariance = 1e-12;

/** Whether a channel of this mean and variance is a constant. */
export function isConstant(mean: number, variance: number): boolean {
  return variance <= leastVariance * mean ** 2;
}

function areOfManySizes(values: Float32Array): boolean {
  const sizes = new Set<number>();
  for (const value of values) {
    if (value !== 0) sizes.add(Math.abs(value));
    if (sizes.size === fewestSizes) return true;
  }
  return false;
}
