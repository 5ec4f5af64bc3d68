// Documents as a reader finds them: links lead somewhere, lines wrap, commands of package.json exist.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../tools/records/records.ts";

const documents = ["", "docs", "examples", "records"].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name)),
);

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** A document without its blocks of code. */
function prose(path: string): string {
  return read(path).replace(/^```.*?^```$/gms, "");
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchors(path: string): string[] {
  return Array.from(prose(path).matchAll(/^#+ (.*)$/gm), ([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test.each(documents)("%s: its links lead to files and headings", (path) => {
  for (const [, target = "", anchor] of prose(path).matchAll(
    /\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g,
  )) {
    const file = target === "" ? path : relative(root, join(root, dirname(path), target));
    expect(existsSync(join(root, file)), `${target} from ${path}`).toBe(true);
    if (anchor !== undefined) expect(anchors(file), `${file} from ${path}`).toContain(anchor);
  }
});

const pages = documents.filter((path) => path === "README.md" || path.includes("/"));
test.each(pages)(
  "%s: its lines have at most 120 characters, but for tables and pictures",
  (path) => {
    const lines = prose(path).split("\n");
    expect(lines.filter((line) => line.length > 120 && !/^\||^!\[/.test(line))).toEqual([]);
  },
);

test("every document is linked from README.md or from one that it links", () => {
  const reached = new Set(["README.md"]);
  for (const path of reached)
    for (const [, target = ""] of prose(path).matchAll(/\]\((?!https?:)([^)#]+\.md)/g))
      reached.add(relative(root, join(root, dirname(path), target)));
  expect(documents.filter((path) => !reached.has(path))).toEqual([]);
});

test("the programs that package.json runs are there", () => {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  for (const command of Object.values(scripts)) {
    for (const [program] of command.matchAll(/(?<=node )\S+\.mjs/g))
      expect(existsSync(join(root, program)), command).toBe(true);
    for (const [, program] of command.matchAll(/scripts\/run\.mjs (\S+)/g))
      expect(existsSync(join(root, `${program}.ts`)), command).toBe(true);
  }
});
