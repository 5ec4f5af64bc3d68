// Lists of any length: `push(...list)` and `Math.max(...list)` put every element on the stack and fail at
// about a hundred thousand.

/** Appends all items. */
export function append<T>(list: T[], items: Iterable<T>): void {
  for (const item of items) list.push(item);
}

/** The largest of some numbers; `least` where there is none that is larger. */
export function largest(values: Iterable<number>, least = Number.NEGATIVE_INFINITY): number {
  let found = least;
  for (const value of values) found = Math.max(found, value);
  return found;
}
