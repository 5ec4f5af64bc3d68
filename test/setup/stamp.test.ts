import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  checkAddon,
  describeLibrary,
  hashSources,
  readStamp,
  type Stamp,
} from "../../native/stamp.mjs";
import { fakeLibtorch } from "./fakeLibtorch.ts";

let directory = "";
let libtorch = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stamp-"));
  libtorch = fakeLibtorch(join(directory, "libtorch"));
  writeFileSync(join(directory, "deepobf.node"), "");
  write({});
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(changes: Partial<Stamp>): void {
  const stamp: Stamp = {
    libtorch: { source: "LIBTORCH", version: "2.1.0", directory: libtorch },
    libraryDirectories: [join(libtorch, "lib")],
    library: describeLibrary(join(libtorch, "lib", "libtorch_cpu.so")),
    cuda: false,
    nodeAddonApi: "8.9.2",
    sources: hashSources(),
    ...changes,
  };
  writeFileSync(join(directory, "stamp.json"), JSON.stringify(stamp));
}

const check = (environment: Record<string, string> = {}) =>
  checkAddon({ environment, directory }).problem;

test("a build that fits has no problem, in the shell of the build and in a bare one", () => {
  expect(check({ LIBTORCH: libtorch })).toBeUndefined();
  expect(check()).toBeUndefined();
});

test("no addon and no stamp are fatal and name the command", () => {
  rmSync(join(directory, "deepobf.node"));
  expect(check()).toMatchObject({ fatal: true });
  expect(check()?.message).toMatch(/not built.*npm run build:native/);
});

test("a stamp that was cut short counts as none", () => {
  writeFileSync(join(directory, "stamp.json"), '{"libtorch":');
  expect(readStamp(directory)).toBeUndefined();
  expect(check()?.fatal).toBe(true);
});

test("a libtorch that is gone is fatal", () => {
  rmSync(libtorch, { recursive: true });
  expect(check()).toMatchObject({ fatal: true });
  expect(check()?.message).toMatch(/libtorch_cpu\.so, which is gone/);
});

test("an upgrade in place is said", () => {
  writeFileSync(join(libtorch, "lib", "libtorch_cpu.so"), "another size");
  expect(check()).toMatchObject({ fatal: false });
  expect(check()?.message).toMatch(/libtorch_cpu\.so changed since/);
});

test("LIBTORCH or an active environment that names another libtorch is said", () => {
  const other = fakeLibtorch(join(directory, "other"));
  const message = `built for libtorch 2.1.0 in ${libtorch}, but now LIBTORCH asks for ${other}`;
  expect(check({ LIBTORCH: other })?.message).toContain(message);
  expect(check({ LIBTORCH: join(directory, "nowhere") })?.message).toMatch(/LIBTORCH asks for/);
  expect(check({ CONDA_PREFIX: other })?.message).toMatch(/active Python environment asks for/);
  expect(check({ CONDA_PREFIX: other, LIBTORCH_USE_PYTORCH: "0" })).toBeUndefined();
});

test("changed C++ sources are said", () => {
  write({ sources: "of an earlier commit" });
  expect(check()?.message).toMatch(/C\+\+ sources changed/);
});
