// Finds the libtorch that the addon is built against, and keeps the reason for every candidate it skips.
// Order: LIBTORCH; the torch of the active Python environment, then of python3 (LIBTORCH_USE_PYTORCH=0 skips
// both); the private environment that set-up makes where apt has no libtorch; the system's own.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { setupCommand } from "./remedies.mjs";

/** @import { Libtorch, Located, LocateOptions, Skipped } from "./locate.d.mts" */

/** @type {string} */
export const oldestVersion = "1.13";

const multiarch = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };
const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * @param {LocateOptions} [options]
 * @returns {Located}
 */
export function locateLibtorch(options = {}) {
  const {
    environment = process.env,
    privateEnvironment = join(projectRoot, ".cache", "venv"),
    systemPrefixes = ["/usr/local", "/usr"],
    askPython = true,
  } = options;
  /** @type {Skipped[]} */
  const skipped = [];
  if (environment.LIBTORCH) {
    const directory = resolve(environment.LIBTORCH);
    const found = examine("LIBTORCH", directory);
    if ("version" in found) return { libtorch: found, skipped };
    const reason = `${found.reason} (LIBTORCH asks for this one, so no other was looked for; unset it to look further)`;
    return { libtorch: undefined, skipped: [{ ...found, reason }] };
  }
  const candidates = [
    () => pythonCandidates(environment, askPython),
    () => packagesOf("private Python environment", privateEnvironment),
    () => systemCandidates(systemPrefixes),
  ];
  const seen = new Set();
  for (const list of candidates) {
    for (const { source, directory } of list()) {
      const real = existsSync(directory) ? realpathSync(directory) : directory;
      if (seen.has(real)) continue;
      seen.add(real);
      const found = linksToSystem(source, directory, systemPrefixes) ?? examine(source, directory);
      if ("version" in found) return { libtorch: found, skipped };
      skipped.push(found);
    }
  }
  return { libtorch: undefined, skipped };
}

/** @param {readonly Skipped[]} skipped */
export function explainMissing(skipped) {
  const tried = skipped.map(
    ({ source, directory, reason }) => `  ${source} (${directory}): ${reason}`,
  );
  return [
    `No usable libtorch found (${oldestVersion} or newer with its headers).`,
    ...(tried.length > 0 ? ["Looked at:", ...tried] : []),
    "Possible solutions:",
    `  ${setupCommand.padEnd(40)} installs what is missing`,
    "  apt-get install libtorch-dev libopenblas0-openmp",
    `  pip install torch                        in the active Python environment, then: ${setupCommand}`,
    `  LIBTORCH=/path/to/libtorch ${setupCommand}`,
  ].join("\n");
}

/**
 * @param {NonNullable<LocateOptions["environment"]>} environment
 * @param {boolean} askPython
 */
function pythonCandidates(environment, askPython) {
  if (environment.LIBTORCH_USE_PYTORCH === "0") return [];
  const active = [environment.VIRTUAL_ENV, environment.CONDA_PREFIX].flatMap((prefix) =>
    prefix ? packagesOf("active Python environment", prefix) : [],
  );
  if (!askPython || active.some(({ directory }) => existsSync(join(directory, "lib"))))
    return active;
  const directory = packageOfPython(environment);
  return directory ? [...active, { source: "python3", directory }] : active;
}

/**
 * The torch packages of an environment, found by their files: no Python process.
 * @param {string} source
 * @param {string} prefix
 */
function packagesOf(source, prefix) {
  const library = join(prefix, "lib");
  const packages = (existsSync(library) ? readdirSync(library) : [])
    .filter((name) => /^python3\.\d+$/.test(name))
    .map((name) => join(library, name, "site-packages", "torch"));
  const conda = existsSync(join(library, "libtorch_cpu.so")) ? [prefix] : [];
  return [...packages.filter((path) => existsSync(path)), ...conda].map((directory) => ({
    source,
    directory,
  }));
}

/**
 * The prefixes that hold something of libtorch; the last one where none does, so that a reason is recorded.
 * @param {readonly string[]} prefixes
 */
function systemCandidates(prefixes) {
  const holding = prefixes.filter((prefix) => libraryFolder(prefix) || hasHeaders(prefix));
  return (holding.length > 0 ? holding : prefixes.slice(-1)).map((directory) => ({
    source: "system",
    directory,
  }));
}

/** @param {NonNullable<LocateOptions["environment"]>} environment */
function packageOfPython(environment) {
  const script =
    "import importlib.util as u; s = u.find_spec('torch'); print(s.origin if s else '')";
  try {
    // find_spec does not import torch: 50 ms, not 3 s. The cwd keeps a folder named torch here out of sight.
    const origin = execFileSync("python3", ["-c", script], {
      cwd: "/",
      env: { ...environment },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 20_000,
    }).trim();
    return origin ? dirname(origin) : undefined;
  } catch {
    return undefined; // no python3: not a fault, the next candidates remain
  }
}

/**
 * @param {string} source
 * @param {string} directory
 * @returns {Libtorch | Skipped}
 */
function examine(source, directory) {
  /** @param {string} reason */
  const skip = (reason) => ({ source, directory, reason });
  if (!existsSync(directory)) return skip("no such folder");
  const libraryDirectory = libraryFolder(directory);
  const include = join(directory, "include");
  if (!libraryDirectory && !hasHeaders(directory)) return skip("no libtorch there");
  if (!hasHeaders(directory)) return skip("no C++ headers beside it (include/ATen/ATen.h)");
  if (!libraryDirectory) return skip("no libtorch_cpu.so in its lib folder");
  const libraries = ["libtorch_cpu.so", "libc10.so"].map((name) => join(libraryDirectory, name));
  const absent = libraries.find((path) => !existsSync(path));
  if (absent) return skip(`${absent} is missing`);
  const version = readVersion(include);
  if (!version) return skip("its headers do not say which version it is (torch/version.h)");
  if (compareVersions(version, oldestVersion) < 0)
    return skip(`libtorch ${version} is too old: ${oldestVersion} or newer is needed`);
  return {
    source,
    version,
    directory,
    includeDirectories: [include, join(include, "torch", "csrc", "api", "include")],
    libraryDirectories: [libraryDirectory, ...nvidiaDirectories(directory)],
    libraries,
    cxx11Abi: /_ZN3c10\w*NSt7__cxx11/.test(readFileSync(libraries[1] ?? "", "latin1")),
    cxxStandard: /C\+\+20 or later/.test(readFileSync(join(include, "ATen", "ATen.h"), "utf8"))
      ? 20
      : 17,
    cuda: existsSync(join(libraryDirectory, "libtorch_cuda.so")),
  };
}

/**
 * Even the CPU library of a CUDA wheel needs libcudart and libcupti, from packages beside torch.
 * @param {string} directory
 */
function nvidiaDirectories(directory) {
  const packages = join(dirname(directory), "nvidia");
  if (!existsSync(packages)) return [];
  return readdirSync(packages)
    .map((name) => join(packages, name, "lib"))
    .filter((path) => existsSync(path));
}

/**
 * Debian's Python package is made of links to the system's libtorch, which is a candidate of its own.
 * @param {string} source
 * @param {string} directory
 * @param {readonly string[]} prefixes
 * @returns {Skipped | undefined}
 */
function linksToSystem(source, directory, prefixes) {
  const library = join(directory, "lib", "libc10.so");
  if (source === "system" || !existsSync(library)) return undefined;
  const real = dirname(realpathSync(library));
  const leaves = !real.startsWith(realpathSync(directory));
  if (!leaves || !prefixes.some((prefix) => real.startsWith(`${prefix}/`))) return undefined;
  return { source, directory, reason: `its libraries are links to ${real}` };
}

/** @param {string} directory */
function libraryFolder(directory) {
  const triplet = multiarch[/** @type {"x64" | "arm64"} */ (process.arch)] ?? "";
  return ["lib", `lib/${triplet}`, "lib64"]
    .map((name) => join(directory, name))
    .find((path) => existsSync(join(path, "libtorch_cpu.so")));
}

/** @param {string} directory */
function hasHeaders(directory) {
  return existsSync(join(directory, "include", "ATen", "ATen.h"));
}

/** @param {string} include */
function readVersion(include) {
  for (const header of ["torch/headeronly/version.h", "torch/csrc/api/include/torch/version.h"]) {
    const path = join(include, header);
    if (!existsSync(path)) continue;
    const text = readFileSync(path, "utf8");
    const parts = ["MAJOR", "MINOR", "PATCH"].map(
      (part) => new RegExp(`define TORCH_VERSION_${part} (\\d+)`).exec(text)?.[1],
    );
    if (parts.every((part) => part !== undefined)) return parts.join(".");
  }
  return undefined;
}

/**
 * @param {string} left
 * @param {string} right
 */
function compareVersions(left, right) {
  const [a, b] = [left, right].map((version) => version.split(".").map(Number));
  return (a?.[0] ?? 0) - (b?.[0] ?? 0) || (a?.[1] ?? 0) - (b?.[1] ?? 0);
}
