// Which elements a slice takes.

/**
 * First index and number of elements of a slice of `size` elements: by the rule of Python, but that a slice backwards
 * which starts ahead of the first element starts at it.
 */
export function sliceRange(
  { start, end, step }: { start: number; end: number; step: number },
  size: number,
): [first: number, count: number] {
  const clamp = (index: number, least: number) => {
    const counted = index < 0 ? index + size : index;
    return Math.min(Math.max(counted, least), step > 0 ? size : size - 1);
  };
  const [first, last] = [clamp(start, 0), clamp(end, step > 0 ? 0 : -1)];
  return [first, Math.max(0, Math.ceil((last - first) / step))];
}
