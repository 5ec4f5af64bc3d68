// What DeepObf needs of the system, whether it is there, and which package brings it: one table for set-up and
// for `deepobf doctor`.
import { accessSync, constants, existsSync, readdirSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";

/** @import { Blas, PackageManager, Requirement } from "./system.d.mts" */

const libraryFolders = [
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/usr/lib64",
  "/usr/lib",
];

/** @type {string} */
export const neededNode = "Node 20.19 or newer, but not 21";

/** @param {string} version */
export function nodeFits(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major >= 22 || (major === 20 && minor >= 19);
}

export function explainNode() {
  const found = `${process.versions.node} (${process.execPath})`;
  return `DeepObf needs ${neededNode}; this is ${found}. Install one from your system or https://nodejs.org`;
}

/** @returns {Requirement[]} */
export function buildTools() {
  const purpose = "builds the addon";
  return [
    {
      name: "C++ compiler",
      purpose,
      needed: true,
      packages: { apt: "g++", dnf: "gcc-c++", pacman: "gcc", zypper: "gcc-c++" },
      found: which("c++") ?? which("g++"),
    },
    {
      name: "cmake",
      purpose,
      needed: true,
      packages: { apt: "cmake", dnf: "cmake", pacman: "cmake", zypper: "cmake" },
      found: which("cmake"),
    },
    {
      name: "ninja",
      purpose,
      needed: which("make") === undefined,
      packages: { apt: "ninja-build", dnf: "ninja-build", pacman: "ninja", zypper: "ninja" },
      found: which("ninja"),
    },
  ];
}

/** @returns {Requirement[]} */
export function libtorchCompanions() {
  const blas = systemBlas();
  return [
    {
      name: "OpenBLAS",
      purpose: "fast matrix products; without it they run some 40 times slower",
      needed: false,
      packages: { apt: "libopenblas0-openmp" },
      found: blas.fast ? blas.path : undefined,
    },
  ];
}

/** @returns {Requirement} */
export function fashionMnist() {
  return {
    name: "Fashion-MNIST",
    purpose: "data of the demo",
    needed: false,
    packages: { apt: "dataset-fashion-mnist" },
    found: firstExisting(["/usr/share/datasets/fashion-mnist"]),
  };
}

/** @returns {Requirement} */
export function onnxTestData() {
  return {
    name: "ONNX test data",
    purpose: "conformance tests of the engine",
    needed: false,
    packages: { apt: "libonnx-testdata" },
    found: firstExisting([process.env.DEEPOBF_ONNX_TESTDATA ?? "/usr/share/libonnx-testdata/data"]),
  };
}

/** @returns {Requirement} */
export function browser() {
  return {
    name: "Chromium",
    purpose: "tests of the pages",
    needed: false,
    packages: { apt: "chromium", dnf: "chromium", pacman: "chromium", zypper: "chromium" },
    found: firstExisting(["/usr/bin/chromium"]),
  };
}

export function hasCudaDriver() {
  return ["/dev/nvidiactl", "/dev/dxg"].some((path) => existsSync(path));
}

/** @returns {Blas} */
export function systemBlas() {
  const link = firstExisting(libraryFolders.map((folder) => join(folder, "libblas.so.3")));
  if (!link) return { path: undefined, fast: false };
  const path = realpathSync(link);
  return { path, fast: /openblas|mkl|blis|atlas/i.test(path) };
}

export function blasRemedy() {
  const installed = libraryFolders.some(
    (folder) =>
      existsSync(folder) && readdirSync(folder).some((name) => name.startsWith("openblas-")),
  );
  const choose = `${sudo()}update-alternatives --config libblas.so.3-$(gcc -print-multiarch)`;
  return installed ? choose : (installCommand(libtorchCompanions()) ?? "install OpenBLAS");
}

/** @returns {PackageManager | undefined} */
export function packageManager() {
  /** @type {[string, PackageManager][]} */
  const programs = [
    ["apt-get", "apt"],
    ["dnf", "dnf"],
    ["pacman", "pacman"],
    ["zypper", "zypper"],
  ];
  return programs.find(([program]) => which(program))?.[1];
}

/** @param {readonly Requirement[]} requirements */
export function installCommand(requirements) {
  const manager = packageManager();
  if (!manager) return undefined;
  const packages = requirements.flatMap(({ packages }) => packages[manager] ?? []);
  if (packages.length === 0) return undefined;
  const commands = {
    apt: `${sudo()}apt-get update && ${sudo()}apt-get install --no-install-recommends`,
    dnf: `${sudo()}dnf install`,
    pacman: `${sudo()}pacman -S --needed`,
    zypper: `${sudo()}zypper install`,
  };
  return `${commands[manager]} ${packages.join(" ")}`;
}

/** What stands before a command that only root may run; a bare system has no sudo. */
function sudo() {
  return process.getuid?.() === 0 ? "" : "sudo ";
}

/**
 * @param {string} name
 */
export function which(name) {
  return (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** @param {readonly string[]} paths */
function firstExisting(paths) {
  return paths.find((path) => existsSync(path));
}
