// Nothing is asked of a network, and nothing comes into the package but what the lock file names by its hash.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { workshop } from "../workshop.ts";
import { root } from "./deepobf.ts";
import { idxFiles, residualModel } from "./fixtures.ts";

const file = workshop();
const program = join(root, "bin", "deepobf.js");
const model = join(root, "examples", "resnet8-fashion-mnist.onnx");
const isPossible = spawnSync("unshare", ["--net", "true"]).status === 0;

test.skipIf(!isPossible)("works without a network", () => {
  const command = [process.execPath, program, "inspect", model, "--json"];
  const { status, stdout } = spawnSync("unshare", ["--net", ...command], { encoding: "utf8" });
  expect(status).toBe(0);
  expect(JSON.parse(stdout).convolutions).toBeGreaterThan(0);
});

test("ONNX Runtime keeps nothing that its telemetry could send", () => {
  for (const [name, content] of Object.entries(idxFiles())) file(`idx/${name}`, content);
  const [model, home] = [file("model.onnx", residualModel()), file("home")];
  mkdirSync(home);
  // Without the variables by which telemetry is off in tests and in CI.
  const env = { PATH: process.env.PATH, HOME: home, TMPDIR: home, XDG_CACHE_HOME: home };
  const command = [program, "evaluate", model, "--data", `idx:${file("idx")}`, "--runtime", "ort"];
  const { status, stderr } = spawnSync(process.execPath, command, { env, encoding: "utf8" });
  expect(status, stderr).toBe(0);
  expect(readdirSync(home, { recursive: true })).toEqual([]);
});

test("every package has a hash, and none runs a script when it is installed", () => {
  const read = (name: string) => JSON.parse(readFileSync(join(root, name), "utf8"));
  const { "": _, ...packages } = read("package-lock.json").packages as Record<
    string,
    { readonly integrity?: string }
  >;
  expect(Object.keys(packages).length).toBeGreaterThan(50);
  for (const [name, { integrity }] of Object.entries(packages)) {
    expect(integrity, name).toMatch(/^sha512-/);
  }
  expect(readFileSync(join(root, ".npmrc"), "utf8")).toContain("ignore-scripts=true");
  expect(Object.values(read("package.json").allowScripts)).not.toContain(true);
});
