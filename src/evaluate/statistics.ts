// How far figures of a sample can be trusted.

/** A 95 % confidence interval of a share, as [least, greatest]. */
export type Interval = readonly [least: number, greatest: number];

/** The two-sided quantile of the normal distribution for 95 %. */
export const usualQuantile = 1.959964;

/**
 * Wilson's score interval of a share that `count` independent trials gave (Wilson 1927, J. Am. Stat. Assoc. 22,
 * p. 209): unlike share ± error it stays within 0 and 1, and it is right for few trials and extreme shares.
 */
export function wilsonInterval(share: number, count: number, quantile = usualQuantile): Interval {
  const squared = quantile ** 2 / count;
  const centre = share + squared / 2;
  const spread = quantile * Math.sqrt((share * (1 - share)) / count + squared / (4 * count));
  const bound = (value: number) => Math.min(1, Math.max(0, value / (1 + squared)));
  return [bound(centre - spread), bound(centre + spread)];
}

/** Two classifiers on the same images. */
export interface PairedTest {
  /** Images that only the first, and only the second, classifies rightly. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** How likely a difference at least as large is where both are right equally often. */
  readonly pValue: number;
}

/** McNemar's exact test, two-sided (McNemar 1947, Psychometrika 12, p. 153): a binomial test of the discordant pairs. */
export function mcnemarTest(onlyFirst: number, onlySecond: number): PairedTest {
  const pairs = onlyFirst + onlySecond;
  const tail = binomialTail(Math.min(onlyFirst, onlySecond), pairs);
  return { onlyFirst, onlySecond, pValue: Math.min(1, 2 * tail) };
}

/** Probability of at most `most` heads in so many throws of a fair coin. */
function binomialTail(most: number, throws: number): number {
  // Logarithms, since 2^-throws is no number beyond a thousand throws.
  let logarithm = -throws * Math.LN2;
  let sum = Math.exp(logarithm);
  for (let heads = 1; heads <= most; heads++) {
    logarithm += Math.log((throws - heads + 1) / heads);
    sum += Math.exp(logarithm);
  }
  return sum;
}
