// The structure that ARCHITECTURE.md draws: imports go downward only, and in no circle.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");

/** Files below src/, each with the files that it imports. */
const imports = new Map(
  sourceFiles().map((file) => {
    const text = readFileSync(join(root, file), "utf8");
    const sources = text.matchAll(/^(?:import|export|\}) [^;]*?"(\.[^"]+\.ts)";$/gm);
    const late = text.matchAll(/\bimport\("(\.[^"]+\.ts)"\)/g);
    const imported = [...sources, ...late].map(([, source]) =>
      relative(root, resolve(root, dirname(file), source!)),
    );
    return [file, imported];
  }),
);

/** Places of the table "Where things live" by the paths in its first column. */
const places = new Map(
  readFileSync(join(root, "ARCHITECTURE.md"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .flatMap((line, place) =>
      Array.from(line.split("|")[1]!.matchAll(/`([^`]+)`/g), ([, path]) => [path!, place] as const),
    ),
);

function sourceFiles(): string[] {
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  return files.filter((file) => file.endsWith(".ts")).map((file) => join("src", file));
}

function placeOf(file: string): number | undefined {
  const folder = file.split("/").length > 2 ? `${file.split("/").slice(0, 2).join("/")}/` : file;
  return places.get(folder);
}

describe("the structure", () => {
  test("has every file of src/ below a row of the table, but for the door of the library", () => {
    const homeless = [...imports.keys()].filter((file) => placeOf(file) === undefined);
    expect(homeless).toEqual(["src/index.ts"]);
  });

  test("has no import that goes upward", () => {
    const upward = [...imports].flatMap(([file, imported]) =>
      imported
        .filter((other) => (placeOf(other) ?? 0) > (placeOf(file) ?? Number.POSITIVE_INFINITY))
        .map((other) => `${file} -> ${other}`),
    );
    expect(upward).toEqual([]);
  });

  test("has no circle", () => {
    const [finished, path] = [new Set<string>(), new Set<string>()];
    const circles: string[] = [];
    const visit = (file: string) => {
      if (path.has(file)) circles.push([...path, file].join(" -> "));
      if (finished.has(file) || path.has(file)) return;
      path.add(file);
      for (const other of imports.get(file) ?? []) visit(other);
      path.delete(file);
      finished.add(file);
    };
    for (const file of imports.keys()) visit(file);
    expect(circles).toEqual([]);
  });
});
