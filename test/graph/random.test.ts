import { describe, expect, test } from "vitest";
import { normal, randomBits, symmetricBeta, threefry, uniform } from "../../src/graph/random.ts";

const stream = { seed: 1, name: "conv1.weight" };

describe("random streams", () => {
  // Known answers of the Random123 distribution (kat_vectors).
  test.each([
    [
      [0, 0],
      [0, 0],
      [0x6b200159, 0x99ba4efe],
    ],
    [
      [0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x1cb996fc, 0xbb002be7],
    ],
    [
      [0x13198a2e, 0x03707344],
      [0x243f6a88, 0x85a308d3],
      [0xc4923a9c, 0x483df7a0],
    ],
  ])("agrees with Threefry's known answers for key %j", (key, counter, expected) => {
    const block = Uint32Array.from(counter);
    threefry(Uint32Array.from(key), block);
    expect([...block]).toEqual(expected);
  });

  test("depends on seed and name alone, and not on the count", () => {
    expect(randomBits(stream, 5)).toEqual(randomBits(stream, 100).subarray(0, 5));
    expect(randomBits({ ...stream, seed: 2 }, 4)).not.toEqual(randomBits(stream, 4));
    expect(randomBits({ ...stream, seed: 1 + 2 ** 40 }, 4)).not.toEqual(randomBits(stream, 4));
    expect(randomBits({ ...stream, name: "conv1.bias" }, 4)).not.toEqual(randomBits(stream, 4));
  });

  test("is uniform", () => {
    const values = uniform(stream, 40_000);
    const counts = new Array<number>(16).fill(0);
    for (const value of values) counts[Math.floor(value * 16)]! += 1;
    for (const count of counts) expect(Math.abs(count - 2500)).toBeLessThan(200);
  });

  // Beta(1/2, 1/2) has the arcsine law, Beta(1, 1) is uniform, Beta(2, 2) has the density 6 x (1 - x).
  test.each<[number, (x: number) => number]>([
    [0.5, (x) => (2 / Math.PI) * Math.asin(Math.sqrt(x))],
    [1, (x) => x],
    [2, (x) => 3 * x ** 2 - 2 * x ** 3],
  ])("has the distribution Beta(%d, %d)", (alpha, distribution) => {
    const values = symmetricBeta(stream, alpha, 40_000).sort();
    const distances = values.map((x, i) => Math.abs(distribution(x) - (i + 0.5) / values.length));
    // Kolmogorov and Smirnov: above 1.63 / sqrt(n) = 0.008 in one of a hundred samples.
    expect(Math.max(...distances)).toBeLessThan(0.008);
  });

  test("has the variance of Beta(alpha, alpha), also where that is extreme", () => {
    for (const alpha of [0.001, 0.2, 8, 1000]) {
      const values = symmetricBeta(stream, alpha, 40_000);
      const variance = values.reduce((sum, x) => sum + (x - 0.5) ** 2, 0) / values.length;
      expect(variance * 4 * (2 * alpha + 1)).toBeCloseTo(1, 1);
      expect(values.every((x) => x >= 0 && x <= 1)).toBe(true);
    }
    expect(symmetricBeta(stream, 1, 3)).toEqual(symmetricBeta(stream, 1, 10).subarray(0, 3));
  });

  test("is normal", () => {
    const values = normal(stream, 40_001);
    const moment = (power: number) =>
      values.reduce((sum, x) => sum + x ** power, 0) / values.length;
    expect(values).toHaveLength(40_001);
    expect(moment(1)).toBeCloseTo(0, 1);
    expect(moment(2)).toBeCloseTo(1, 1);
    expect(moment(3)).toBeCloseTo(0, 1);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.15);
    expect(values.every(Number.isFinite)).toBe(true);
  });
});
