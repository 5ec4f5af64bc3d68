// Compiles src/, and web/ for browsers, to dist/; does nothing where dist was made from the same sources.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { requireWritable, root, run } from "./process.mjs";

const output = join(root, "dist");
const stamp = join(output, ".sources");

const sources = hashSources();
if (existsSync(stamp) && readFileSync(stamp, "utf8") === sources) {
  if (!process.argv.includes("--quiet")) console.log("TypeScript: up to date");
} else {
  // Into a folder of its own first: no output of a deleted source stays, and a failed build replaces nothing.
  const fresh = join(root, "build", "dist");
  for (const directory of [fresh, output]) requireWritable(directory);
  rmSync(fresh, { recursive: true, force: true });
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const compile = [process.execPath, compiler, "-p"];
  // Declarations keep what editors show; comments in the code would be a tenth of the package.
  for (const part of [["--emitDeclarationOnly"], ["--removeComments", "--declaration", "false"]])
    run("Compiling TypeScript", [...compile, "tsconfig.build.json", "--outDir", fresh, ...part], {
      cwd: root,
    });
  run("Compiling the pages' scripts", [...compile, "web", "--outDir", join(fresh, "web")], {
    cwd: root,
  });
  writeFileSync(join(fresh, ".sources"), sources);
  rmSync(output, { recursive: true, force: true });
  renameSync(fresh, output);
  console.log("TypeScript: compiled to dist/");
}

function hashSources() {
  const hash = createHash("sha256");
  const names = ["src", "web"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .sort()
      .map((name) => join(folder, name)),
  );
  const settings = [
    "tsconfig.json",
    "tsconfig.build.json",
    "web/tsconfig.json",
    "scripts/build.mjs",
  ];
  for (const name of [...names, ...settings, "package-lock.json"])
    hash.update(`${name}\0`).update(readFileSync(join(root, name)));
  return hash.digest("hex");
}
