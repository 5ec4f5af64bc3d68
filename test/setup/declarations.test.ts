// The hand-written declarations of native/*.d.mts say what the modules beside them are: TypeScript derives
// declarations from those, and both must fit each other.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { root } from "../cli/deepobf.ts";

const native = join(root, "native");
const modules = readdirSync(native)
  .filter((name) => name.endsWith(".d.mts"))
  .map((name) => basename(name, ".d.mts"));

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(root, "build", "declarations-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function compile(...parameters: string[]): string {
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const options = ["--ignoreConfig", "--strict", "--target", "ES2023", "--module", "NodeNext"];
  const { stdout } = spawnSync(
    process.execPath,
    [compiler, ...options, "--types", "node", ...parameters],
    { encoding: "utf8", cwd: root },
  );
  return stdout;
}

test("declared and actual exports have the same types", () => {
  expect(modules).toContain("locate");
  const sources = modules.map((name) => join(native, `${name}.mjs`));
  const derived = [
    "--skipLibCheck",
    "--declaration",
    "--emitDeclarationOnly",
    "--allowJs",
    "--outDir",
    folder,
  ];
  expect(compile(...derived, "--rootDir", native, ...sources)).toBe("");
  for (const name of modules) {
    // Types that the module itself takes from its declaration.
    const path = join(folder, `${name}.d.mts`);
    writeFileSync(path, readFileSync(path, "utf8").replaceAll('"./', '"../../native/'));
  }
  const checks = modules.map((name) => {
    const [declared, actual] = [`../../native/${name}.mjs`, `./${name}.mjs`];
    return `import * as ${name}Declared from "${declared}";
import * as ${name}Actual from "${actual}";
export const ${name}: [typeof ${name}Declared, typeof ${name}Actual] = [${name}Actual, ${name}Declared];
`;
  });
  const check = join(folder, "check.mts");
  writeFileSync(check, checks.join(""));
  expect(compile("--noEmit", check)).toBe("");
});
