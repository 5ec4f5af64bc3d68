import { describe, expect, it } from "vitest";
import { normal, randomBits, threefry, uniform } from "../../src/graph/random.ts";

const stream = { seed: 1, name: "conv1.weight" };

describe("random streams", () => {
  // Known answers of the Random123 distribution (kat_vectors).
  it.each([
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

  it("depends on seed and name alone, and not on the count", () => {
    expect(randomBits(stream, 5)).toEqual(randomBits(stream, 100).subarray(0, 5));
    expect(randomBits({ ...stream, seed: 2 }, 4)).not.toEqual(randomBits(stream, 4));
    expect(randomBits({ ...stream, seed: 1 + 2 ** 40 }, 4)).not.toEqual(randomBits(stream, 4));
    expect(randomBits({ ...stream, name: "conv1.bias" }, 4)).not.toEqual(randomBits(stream, 4));
  });

  it("is uniform", () => {
    const values = uniform(stream, 40_000);
    const counts = new Array<number>(16).fill(0);
    for (const value of values) counts[Math.floor(value * 16)]! += 1;
    for (const count of counts) expect(Math.abs(count - 2500)).toBeLessThan(200);
  });

  it("is normal", () => {
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
