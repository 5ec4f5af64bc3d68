// Set-up: finds or installs what is missing, builds what is out of date, one line a step. `--demo` and `--tests`
// add the data of those. Idempotent; uses no network but the package registries.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { locateLibtorch } from "../native/locate.mjs";
import { doctorCommand, isClone, setupCommand } from "../native/remedies.mjs";
import {
  browser,
  buildTools,
  explainNode,
  fashionMnist,
  installCommand,
  libtorchCompanions,
  nodeFits,
  onnxTestData,
} from "../native/system.mjs";
import { attempt, fail, requireWritable, root, run } from "./process.mjs";
import { installPythonTorch, pythonEnvironment, requireGlibc } from "./python-torch.mjs";
import { aptHasLibtorch, installMissing } from "./system-packages.mjs";

/** @import { Requirement } from "../native/system.d.mts" */

const demo = process.argv.includes("--demo");
const tests = process.argv.includes("--tests");

if (!nodeFits(process.versions.node)) fail(`${explainNode()}, then: ${setupCommand}`);
if (process.platform !== "linux")
  fail(
    "DeepObf's addon is built on Linux alone. Under Windows use WSL, under macOS a Linux container.",
  );
provideSystem();
// An installed package came with its npm packages, and compiled.
if (isClone) provideNpmPackages();
for (const script of ["build-native.mjs", ...(isClone ? ["build.mjs"] : [])]) runScript(script);
console.log(`set-up: done (${doctorCommand} shows what was found)`);

/** Compilers, libtorch and data. */
function provideSystem() {
  const privateEnvironment = join(root, ".cache", "venv");
  const forced = process.env.DEEPOBF_SETUP_LIBTORCH === "pip" && !existsSync(privateEnvironment);
  const { libtorch } = locateLibtorch({ privateEnvironment });
  if (!libtorch && process.env.LIBTORCH) runScript("build-native.mjs"); // ends with the reason
  const fromPython = forced || (!libtorch && !aptHasLibtorch());
  if (fromPython) requireGlibc();
  const system = libtorch ? libtorch.source === "system" : !fromPython;
  const requirements = [
    ...buildTools(),
    ...(system ? [libtorchPackage(libtorch?.directory), ...libtorchCompanions()] : []),
    ...(fromPython ? [pythonEnvironment()] : []),
    ...(demo ? [fashionMnist()] : []),
    ...(tests ? [onnxTestData(), browser()] : []),
  ];
  const start = performance.now();
  const absent = installMissing(requirements);
  const missing = requirements.filter(({ found }) => !found);
  if (missing.length === 0) console.log("system: nothing missing");
  else if (absent.length < missing.length) console.log(`system: done in ${seconds(start)} s`);
  for (const { name, purpose, packages } of absent) {
    const command = installCommand([{ name, purpose, packages, needed: false, found: undefined }]);
    console.log(
      `system: without ${name} (${purpose})${command ? `; to install it: ${command}` : ""}`,
    );
  }
  if (fromPython) {
    const begin = performance.now();
    installPythonTorch(privateEnvironment);
    console.log(`libtorch: installed in ${seconds(begin)} s`);
  }
}

/**
 * @param {string | undefined} found
 * @returns {Requirement}
 */
function libtorchPackage(found) {
  const packages = { apt: "libtorch-dev" };
  return { name: "libtorch", purpose: "trains and runs networks", needed: true, packages, found };
}

function provideNpmPackages() {
  if (npmPackagesFit()) return console.log("npm packages: up to date");
  requireWritable(join(root, "node_modules"));
  console.log("npm packages: installing (about half a minute)");
  const start = performance.now();
  run(
    "Installing npm packages",
    ["npm", "ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund"],
    {
      cwd: root,
    },
  );
  console.log(`npm packages: installed in ${seconds(start)} s`);
}

/** Whether node_modules holds what package-lock.json names; optional packages of other platforms may lack. */
function npmPackagesFit() {
  const installed = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installed)) return false;
  const [wanted, present] = [join(root, "package-lock.json"), installed].map(
    (path) => JSON.parse(readFileSync(path, "utf8")).packages,
  );
  const ours = Object.keys(wanted[""].optionalDependencies).map((name) => `node_modules/${name}`);
  return Object.entries(wanted).every(([path, { version, optional, os }]) => {
    if (path === "" || present[path]) return path === "" || present[path].version === version;
    return optional && (os !== undefined || !ours.includes(path));
  });
}

/** @param {string} name */
function runScript(name) {
  const { ok, output } = attempt([process.execPath, join(root, "scripts", name)], { cwd: root });
  if (!ok) fail(output.trimEnd());
  console.log(output.trimEnd());
}

/** @param {number} start */
function seconds(start) {
  return ((performance.now() - start) / 1000).toFixed(0);
}
