// Builds the addon with CMake against the libtorch that native/locate.mjs finds; does nothing where the stamp
// of the last build still fits. `--quiet` says nothing in that case.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { explainMissing, locateLibtorch } from "../native/locate.mjs";
import { setupCommand } from "../native/remedies.mjs";
import {
  addonPath,
  buildDirectory,
  describeLibrary,
  hashSources,
  readStamp,
  removeStamp,
  writeStamp,
} from "../native/stamp.mjs";
import { fail, inEnglish, requireWritable, root } from "./process.mjs";

/** @import { Libtorch } from "../native/locate.d.mts" */
/** @import { Stamp } from "../native/stamp.d.mts" */

const require = createRequire(import.meta.url);

const { libtorch, skipped } = locateLibtorch();
if (!libtorch) fail(explainMissing(skipped));
const stamp = stampFor(libtorch);
if (existsSync(addonPath) && fingerprint(readStamp()) === fingerprint(stamp)) {
  if (!process.argv.includes("--quiet")) console.log(`addon: up to date (${describe(libtorch)})`);
} else {
  for (const { source, directory, reason } of skipped)
    console.log(`addon: skipped ${source} (${directory}): ${reason}`);
  console.log(`addon: building for ${describe(libtorch)}`);
  const start = performance.now();
  build(libtorch);
  writeStamp(stamp);
  console.log(`addon: built in ${((performance.now() - start) / 1000).toFixed(0)} s`);
}

/** @param {Libtorch} libtorch */
function describe(libtorch) {
  return `libtorch ${libtorch.version}, ${libtorch.source}: ${libtorch.directory}`;
}

/**
 * What a rebuild depends on: all but the way in which libtorch was found.
 * @param {Stamp | undefined} stamp
 */
function fingerprint(stamp) {
  return stamp && JSON.stringify({ ...stamp, libtorch: { ...stamp.libtorch, source: "" } });
}

/**
 * @param {Libtorch} libtorch
 * @returns {Stamp}
 */
function stampFor(libtorch) {
  const { source, version, directory, libraryDirectories, libraries, cuda } = libtorch;
  return {
    libtorch: { source, version, directory },
    libraryDirectories,
    library: describeLibrary(libraries[0] ?? ""),
    cuda,
    nodeAddonApi: packageVersion("node-addon-api"),
    sources: hashSources(),
  };
}

/** @param {Libtorch} libtorch */
function build(libtorch) {
  requireWritable(buildDirectory);
  // A build folder configured for another libtorch keeps stale dependencies and paths.
  if (readStamp()?.libtorch.directory !== libtorch.directory)
    rmSync(buildDirectory, { recursive: true, force: true });
  mkdirSync(buildDirectory, { recursive: true });
  removeStamp();
  rmSync(join(buildDirectory, "CMakeCache.txt"), { force: true }); // it may name another generator
  const headers = [
    packageDirectory("node-addon-api"),
    join(packageDirectory("node-api-headers"), "include"),
  ];
  const sources = readdirSync(join(root, "native")).filter((name) => name.endsWith(".cc"));
  const ninja = spawnSync("ninja", ["--version"]).status === 0 ? ["-G", "Ninja"] : [];
  run("cmake", [
    ...["-S", join(root, "native"), "-B", buildDirectory, ...ninja],
    "-DCMAKE_BUILD_TYPE=Release",
    `-DDEEPOBF_SOURCES=${sources.join(";")}`,
    `-DDEEPOBF_CXX_STANDARD=${libtorch.cxxStandard}`,
    `-DDEEPOBF_CXX11_ABI=${libtorch.cxx11Abi ? 1 : 0}`,
    `-DDEEPOBF_HAS_GLOO=${hasGloo(libtorch) ? 1 : 0}`,
    `-DDEEPOBF_INCLUDE_DIRECTORIES=${[...libtorch.includeDirectories, ...headers].join(";")}`,
    `-DDEEPOBF_LIBRARIES=${[...libtorch.libraries, ...openmpLibraries(libtorch)].join(";")}`,
    `-DDEEPOBF_RUN_PATH=${libtorch.libraryDirectories.join(";")}`,
  ]);
  run("cmake", ["--build", buildDirectory, "--parallel", String(parallelCompilers())]);
}

/** How many compilers fit here: libtorch's headers take up to 1.5 GiB each, and without a number make starts all at once. */
function parallelCompilers() {
  const fitting = Math.floor(process.availableMemory() / (1.5 * 2 ** 30));
  return Math.max(1, Math.min(availableParallelism(), fitting));
}

/**
 * Our kernels use the OpenMP runtime that libtorch_cpu brings; two in one process fight for the cores. It is not
 * linked: wheels rename its file but not its soname, and the linker would record the soname.
 * @param {Libtorch} libtorch
 * @returns {string[]}
 */
function openmpLibraries({ libraries: [libtorchCpu = ""] }) {
  const dynamic = execFileSync("readelf", ["-d", libtorchCpu], { encoding: "utf8" });
  return /NEEDED.*\[lib(gomp|iomp5|omp)\b/.test(dynamic) ? [] : ["-lgomp"];
}

/**
 * Whether several processes can train together; some builds of libtorch are without it.
 * @param {Libtorch} libtorch
 */
function hasGloo({ libraries: [libtorchCpu = ""] }) {
  return spawnSync("grep", ["-q", "N4c10d16ProcessGroupGlooE", libtorchCpu]).status === 0;
}

/**
 * @param {string} command
 * @param {string[]} parameters
 */
function run(command, parameters) {
  const { status, stdout, stderr, error } = spawnSync(command, parameters, {
    env: inEnglish,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error)
    fail(`${command} cannot be started (${error.message}). It comes with: ${setupCommand}`);
  if (status === 0) return;
  const lines = `${stdout}${stderr}`.trimEnd().split("\n");
  const errors = lines.filter((line) => /\berror\b/i.test(line)).slice(0, 20);
  fail(
    [
      `The addon could not be built: ${basename(command)} ended with ${status}.`,
      ...errors,
      "Its last lines:",
    ]
      .concat(lines.slice(-30))
      .join("\n"),
  );
}

/** @param {string} name */
function packageDirectory(name) {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    return fail(`The npm package ${name} is not installed. To install it: ${setupCommand}`);
  }
}

/** @param {string} name */
function packageVersion(name) {
  return JSON.parse(readFileSync(join(packageDirectory(name), "package.json"), "utf8")).version;
}
