// Which elements a slice takes.

/** First index and number of elements of a slice of `size` elements, by the rule of Python. */
export function sliceRange(
  { start, end, step }: { start: number; end: number; step: number },
  size: number,
): [first: number, count: number] {
  const clamp = (index: number) => {
    const counted = index < 0 ? index + size : index;
    return step > 0
      ? Math.min(Math.max(counted, 0), size)
      : Math.min(Math.max(counted, -1), size - 1);
  };
  const [first, last] = [clamp(start), clamp(end)];
  return [first, Math.max(0, Math.ceil((last - first) / step))];
}
