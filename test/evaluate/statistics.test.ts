// Intervals and tests against published values and exact sums.
import { describe, expect, test } from "vitest";
import { mcnemarTest, wilsonInterval } from "../../src/evaluate/statistics.ts";

describe("Wilson's interval", () => {
  // Newcombe 1998 (Statistics in Medicine 17, p. 857), table I, method 3.
  test.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])("of %d in %d is that of the literature", (right, count, least, greatest) => {
    const [low, high] = wilsonInterval(right / count, count);
    expect(low).toBeCloseTo(least, 4);
    expect(high).toBeCloseTo(greatest, 4);
  });

  test("stays within 0 and 1, and narrows with the root of the count", () => {
    expect(wilsonInterval(1, 10)[1]).toBeCloseTo(1, 12);
    const width = (count: number) => {
      const [low, high] = wilsonInterval(0.9, count);
      return high - low;
    };
    expect(width(1000) / width(100_000)).toBeCloseTo(10, 0);
  });
});

describe("McNemar's test", () => {
  test("is the binomial test of the pairs that differ", () => {
    // 2 · (1 + 10 + 45) / 2^10
    expect(mcnemarTest(2, 8)).toMatchObject({ onlyFirst: 2, onlySecond: 8 });
    expect(mcnemarTest(2, 8).pValue).toBeCloseTo(112 / 1024, 12);
    expect(mcnemarTest(8, 2).pValue).toBeCloseTo(112 / 1024, 12);
    expect(mcnemarTest(0, 5).pValue).toBeCloseTo(2 / 32, 12);
  });

  test("says nothing where both are right equally often, or on the same images", () => {
    expect(mcnemarTest(7, 7).pValue).toBe(1);
    expect(mcnemarTest(0, 0).pValue).toBe(1);
  });

  test("holds for thousands of pairs", () => {
    // By the normal approximation with continuity correction: z = (|b - c| - 1) / √(b + c) = 3.1
    const { pValue } = mcnemarTest(1500, 1673);
    expect(pValue).toBeGreaterThan(0.0018);
    expect(pValue).toBeLessThan(0.0024);
  });
});
