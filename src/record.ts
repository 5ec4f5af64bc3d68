// Objects as tables. An ordinary object has entries that nobody put there, such as "constructor", and one name
// that cannot be put there, "__proto__"; files choose such names.

/** An object with these entries and no others, inherited ones included. */
export function record<Value>(
  entries: Iterable<readonly [name: string, value: Value]>,
): Record<string, Value> {
  const table = Object.create(null) as Record<string, Value>;
  for (const [name, value] of entries) table[name] = value;
  return table;
}
