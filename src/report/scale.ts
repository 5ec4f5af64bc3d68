// Scales of charts: from values to places, with ticks at round numbers.

export interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

/** Places from `start` to `end` for values from `least` to `most`, with about so many ticks. */
export function linearScale(
  [least, most]: readonly [number, number],
  [start, end]: readonly [number, number],
  wanted = 5,
): Scale {
  const span = most > least ? most - least : Math.max(1e-9, Math.abs(most) || 1);
  const rough = span / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10);
  const first = Math.ceil(least / step - 1e-9);
  const last = Math.floor(most / step + 1e-9);
  const ticks = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => (first + i) * step);
  return { at: (value) => start + ((value - least) / span) * (end - start), ticks };
}

/** The same for logarithms of positive values, with ticks at the values themselves. */
export function logScale(values: readonly number[], places: readonly [number, number]): Scale {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  const [least, most] = [Math.log(sorted[0] ?? 1), Math.log(sorted.at(-1) ?? 1)];
  const inner = linearScale(most > least ? [least, most] : [least - 1, most + 1], places);
  return { at: (value) => inner.at(Math.log(value)), ticks: sorted };
}

/** A tick's label, without the noise of binary fractions. */
export function tickText(value: number): string {
  const rounded = Number(value.toPrecision(6));
  return Math.abs(rounded) >= 10_000 ? `${rounded / 1000} k` : String(rounded).replace("-", "−");
}

/** As many elements as a chart can show apart. */
const mostShown = 400;

/** A list's elements where a chart can show them, else `most` of them, the first and the last among these. */
export function thinned<T>(list: readonly T[], most = mostShown): readonly T[] {
  if (list.length <= most) return list;
  const place = (i: number) => Math.round((i * (list.length - 1)) / (most - 1));
  return Array.from({ length: most }, (_, i) => list[place(i)]!);
}
