// docs/reliability.md against the tests: what it names must exist.
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const root = new URL("../../", import.meta.url);
const document = readFileSync(new URL("docs/reliability.md", root), "utf8");
const rows = document.split("\n").filter((line) => /^\| (?!---)(?!\| goal)/.test(line));

test("every row names a test that exists", () => {
  expect(rows.length).toBeGreaterThanOrEqual(20);
  for (const row of rows) {
    const [, file, title] = /\| `([^`]+)`: "([^"]+)" \|$/.exec(row) ?? [];
    expect(file, row).toBeDefined();
    expect(existsSync(new URL(file!, root)), row).toBe(true);
    const quoted = readFileSync(new URL(file!, root), "utf8").includes(title!);
    expect(quoted, row).toBe(true);
  }
});

test("every goal has a row, or is named among those that have none", () => {
  const isThere = (goal: string) => new RegExp(`\\b${goal}\\b`).test(document);
  const goals = [
    ...Array.from({ length: 20 }, (_, index) => `R${index + 1}`),
    ...Array.from({ length: 15 }, (_, index) => `S${index + 1}`),
  ];
  for (const goal of goals) {
    expect(isThere(goal), goal).toBe(true);
  }
});

test("the nightly tests are files that exist, and their results are recorded", () => {
  const read = (path: string) => readFileSync(new URL(path, root), "utf8");
  const script = read("scripts/nightly.mjs");
  const files = script.match(/(?:test|scripts)\/[\w/-]+\.(?:test\.ts|mjs|sh)/g) ?? [];
  expect(files.length).toBeGreaterThan(8);
  for (const file of files) expect(existsSync(new URL(file, root)), file).toBe(true);
  for (const line of read("records/nightly.jsonl").trim().split("\n")) {
    const { name, passed, date } = JSON.parse(line);
    expect(script).toContain(`name: "${name}"`);
    expect(typeof passed).toBe("boolean");
    expect(date).toMatch(/^\d{4}-\d\d-\d\d$/);
  }
});
