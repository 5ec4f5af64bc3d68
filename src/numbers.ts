// Numbers as people read them: in the terminal, in messages, in the report and in the documents.

/** Digits behind the point by which a share of any number of images in per cent differs from all and from none. */
const mostDigits = 6;

/** A number with so many digits behind the point, or with as many more as tell it from ends that it has not reached. */
function fixedApart(value: number, ends: readonly number[], digits: number): string {
  for (let shown = digits; shown <= mostDigits; shown++) {
    const text = value.toFixed(shown);
    if (!ends.includes(Number(text))) return text;
  }
  return value.toFixed(digits);
}

/**
 * A share of 1 as `93.39 %`, with more digits where it would read as all or nothing and is neither; one that nobody can
 * know, such as an accuracy without labels, as `unknown`.
 */
export function percent(share: number | null, digits = 2): string {
  return share !== null && Number.isFinite(share)
    ? `${fixedApart(100 * share, [0, 100], digits)} %`
    : "unknown";
}

/** Between which shares of 1 something lies, as `84.5 to 91.1 %`; one that nobody can know as `unknown`. */
export function interval([least, greatest]: readonly [number | null, number | null]): string {
  const [from, to] = [percent(least, 1), percent(greatest, 1)];
  return from === "unknown" ? from : `${from.slice(0, -2)} to ${to}`;
}

/** A share of 1 that somebody chose, with no more digits than it needs, such as `0.5 %`. */
export function plainPercent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

/** A difference of two shares in points, with its sign, and with more digits where it would read as none and is one. */
export function points(difference: number, digits = 2): string {
  const text = fixedApart(Math.abs(100 * difference), [0], digits);
  const sign = Number(text) === 0 ? "±" : difference > 0 ? "+" : "−";
  return `${sign}${text}`;
}

/** A mean and its deviation, such as `19.0 ± 0.4`; the deviation of a single value is not known. */
export function withDeviation({
  mean,
  deviation,
}: {
  readonly mean: number;
  readonly deviation?: number | null | undefined;
}): string {
  return mean.toFixed(1) + (deviation == null ? "" : ` ± ${deviation.toFixed(1)}`);
}

/** A count with three digits that matter, such as `1.23 M`. */
export function count(value: number): string {
  const units = ["", " k", " M", " G", " T"];
  let [scaled, unit] = [value, 0];
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return unit === 0 && Number.isInteger(value)
    ? String(value)
    : `${significant(scaled)}${units[unit]}`;
}

/** A whole count with thin spaces between thousands. */
export function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replaceAll(/\B(?=(\d{3})+$)/g, "\u2009");
}

/** Bytes, such as `1.23 MB`. */
export function bytes(value: number): string {
  return value < 1000 ? `${value} B` : `${count(value)}B`;
}

/** Three digits that matter, without an exponent. */
export function significant(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const rounded = Number(value.toPrecision(3));
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(rounded))));
  return value.toFixed(Math.min(8, digits));
}

export function milliseconds(value: number): string {
  return `${significant(value)} ms`;
}

/** A small number, such as `1.2e-6`. */
export function tiny(value: number): string {
  return value === 0 ? "0" : value.toExponential(1);
}

/** Seconds as `m:ss` or `h:mm:ss`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0
    ? `${hours}:${two(minutes)}:${two(whole % 60)}`
    : `${minutes}:${two(whole % 60)}`;
}

/** The time of day as `14:35`. */
export function clock(time: Date): string {
  return [time.getHours(), time.getMinutes()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}

/** Seconds as `48 s`, `12 min` or `2 h 5 min`, where a glance is enough. */
export function roughDuration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
