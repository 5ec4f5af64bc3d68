// The model of time on many workers, by hand.
import { expect, test } from "vitest";
import {
  bucketsOf,
  gradientSeconds,
  measuredNetwork,
  ringSeconds,
  stepSeconds,
} from "../../bench/ringModel.ts";

const network = { bytesPerSecond: 1e8, latency: 1e-3 };

test("two workers' sums give their network", () => {
  // Two messages a sum, each of half of it: 2 ms, and 40 ns or 40 ms for the bytes.
  const found = measuredNetwork({ oneFloat: 2e-3 + 4e-8, all: 2e-3 + 4e-2 }, 4e6);
  expect(found.bytesPerSecond).toBeCloseTo(1e8, 0);
  expect(found.latency).toBeCloseTo(1e-3, 12);
});

test("a step waits for what its backward pass does not hide", () => {
  // Six messages of a quarter: 6 ms, and 60 ms for the bytes.
  expect(ringSeconds(4, 4e6, network)).toBeCloseTo(66e-3, 12);
  const job = { computeSeconds: 0.06, buckets: [1e6, 1e6, 1e6, 1e6], batchNorms: 1 };
  // 84 - 40 ms of gradients, and three sums of 2 kB, of 6.03 ms each.
  expect(stepSeconds(4, job, network)).toBeCloseTo(0.06 + 0.044 + 3 * 6.03e-3, 12);
});

test("each bucket waits for its own messages", () => {
  // Four buckets of six messages: 24 ms, and 60 ms for the bytes.
  expect(gradientSeconds(4, [1e6, 1e6, 1e6, 1e6], network)).toBeCloseTo(84e-3, 12);
  expect(gradientSeconds(4, [2 ** 20], network)).toBe(ringSeconds(4, 2 ** 20, network));
});

test("a bucket is full at 1 MiB, and takes the parameter whole that fills it", () => {
  expect(bucketsOf([5, 2 ** 20, 2 ** 18 - 1, 3])).toEqual([4 * (2 ** 18 + 2), 4 * 2 ** 20, 20]);
});
