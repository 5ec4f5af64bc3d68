// Set-up and the build of the addon in a copy of the scripts, with stand-ins for what they call: what CMake and npm are
// asked for.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakeLibtorch, writeFile } from "./fakeLibtorch.ts";

const root = join(import.meta.dirname, "..", "..");
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "build-"));
  for (const name of ["native", "scripts"])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  fakeLibtorch(join(folder, "libtorch"));
  program("cmake", `echo "$@" >> ${folder}/log`);
  for (const name of ["grep", "ninja", "readelf"]) program(name, "exit 0");
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(name: string, body: string): void {
  const path = join(folder, "bin", name);
  writeFile(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
}

/** Runs a script of the copy, after a module that stands for another machine. */
function run(name: string, prelude = "") {
  const script = join(folder, "scripts", name);
  return spawnSync(
    process.execPath,
    ["--import", `data:text/javascript,${encodeURIComponent(prelude)}`, script],
    {
      env: { PATH: join(folder, "bin"), LIBTORCH: join(folder, "libtorch") },
      encoding: "utf8",
    },
  );
}

const log = () => readFileSync(join(folder, "log"), "utf8");

describe("how many files are compiled at a time", () => {
  test.each([
    [4, 64, 4],
    [64, 6, 4],
    [64, 1, 1],
  ])("%i processors and %i GiB of free memory: %i", (processors, gibibytes, jobs) => {
    const { status } = run(
      "build-native.mjs",
      `import os from "node:os";
      import { syncBuiltinESMExports } from "node:module";
      os.availableParallelism = () => ${processors};
      syncBuiltinESMExports();
      process.availableMemory = () => ${gibibytes} * 2 ** 30;`,
    );
    expect(status).toBe(0);
    expect(log()).toMatch(new RegExp(`--parallel ${jobs}\n`));
  });
});

test("a folder that is another user's ends the build with its name and what to do", () => {
  const { status, stderr } = run(
    "build-native.mjs",
    `import fs from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    const { accessSync } = fs;
    fs.accessSync = (path, mode) => {
      if (mode === fs.constants.W_OK) throw new Error("EACCES");
      accessSync(path, mode);
    };
    syncBuiltinESMExports();`,
  );
  expect(status).toBe(5);
  expect(stderr).toBe(`${folder} is not writable. Set up as the user who installed it.\n`);
});

test("CMake gets every source by name: it would read [1] in a folder's as a pattern", () => {
  expect(run("build-native.mjs").status).toBe(0);
  const [, listed = ""] = /-DDEEPOBF_SOURCES=(\S+)/.exec(log()) ?? [];
  const sources = readdirSync(join(root, "native")).filter((name) => name.endsWith(".cc"));
  expect(listed.split(";").sort()).toEqual(sources.sort());
});

test("npm installs the optional packages, too, whatever a user's npmrc leaves out", () => {
  rmSync(join(folder, "node_modules"));
  mkdirSync(join(folder, "src"));
  cpSync(join(root, "package-lock.json"), join(folder, "package-lock.json"));
  program("c++", "exit 0");
  program("npm", `echo "$@" >> ${folder}/log`);
  run("setup.mjs");
  expect(log()).toMatch(/^ci .*--include=optional/);
});
