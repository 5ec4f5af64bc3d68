// Tables of Markdown, and the places in documents that they fill.

/** A column: its title, and the cell of a row. */
export type Column<Row> = readonly [title: string, cell: (row: Row) => string | number];

/** Rows as a table; columns that are empty in every row are left out. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const filled = columns
    .map(([title, cell]) => ({ title, cells: rows.map((row) => String(cell(row))) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ""));
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(filled.map(({ title }) => title)),
    line(filled.map(() => "---")),
    ...rows.map((_, i) => line(filled.map(({ cells }) => cells[i]!))),
  ].join("\n");
}

const place = /^(<!-- table: ([^\n]*?) -->\n)(.*?)^(<!-- end of table -->)/gms;

/**
 * A document with its places, `<!-- table: NAME -->` to `<!-- end of table -->`, filled anew. Throws an Error
 * where a place does not end.
 */
export function fillTables(document: string, fill: (name: string) => string): string {
  const names = [...document.matchAll(/^<!-- table: /gm)].length;
  const found = [...document.matchAll(place)].length;
  if (names !== found)
    throw new Error(`expected an end to each of ${names} tables, received ${found}`);
  return document.replace(
    place,
    (_, start: string, name: string, __, end: string) => `${start}\n${fill(name)}\n\n${end}`,
  );
}

/** The items by key, in the order in which the keys first come. */
export function grouped<Item>(items: readonly Item[], key: (item: Item) => string): Item[][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return [...groups.values()];
}
