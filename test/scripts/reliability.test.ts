// docs/reliability.md against the tests: what it names must exist.
import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const root = new URL("../../", import.meta.url);
const document = readFileSync(new URL("docs/reliability.md", root), "utf8");
const rows = document.split("\n").filter((line) => /^\| (?!---)(?!\| goal)/.test(line));

it("every row names a test that exists", () => {
  expect(rows.length).toBeGreaterThanOrEqual(20);
  for (const row of rows) {
    const [, file, title] = /\| `([^`]+)`: "([^"]+)" \|$/.exec(row) ?? [];
    expect(file, row).toBeDefined();
    expect(existsSync(new URL(file!, root)), row).toBe(true);
    const quoted = readFileSync(new URL(file!, root), "utf8").includes(title!);
    expect(quoted, row).toBe(true);
  }
});
