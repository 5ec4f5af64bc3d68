// Numbers as the report writes them.

/** A share of 1 as `93.4 %`. */
export function percent(share: number, digits = 1): string {
  return `${(100 * share).toFixed(digits)} %`;
}

/** A difference of two shares in points, with its sign. */
export function points(difference: number, digits = 2): string {
  const value = 100 * difference;
  const sign = value > 0 ? "+" : value < 0 ? "−" : "±";
  return `${sign}${Math.abs(value).toFixed(digits)}`;
}

/** A count with thin spaces between thousands. */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replaceAll(/\B(?=(\d{3})+$)/g, "\u2009");
}

/** A large number with three digits that matter, such as `6.44 M`. */
export function short(value: number): string {
  const units = ["", " k", " M", " G", " T"];
  const unit = Math.min(
    units.length - 1,
    Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)),
  );
  const scaled = value / 1000 ** unit;
  return `${unit === 0 && Number.isInteger(value) ? value : significant(scaled)}${units[unit]}`;
}

/** Three digits that matter, without an exponent. */
export function significant(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(8, digits));
}

/** Seconds as `48 s`, `12 min` or `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
