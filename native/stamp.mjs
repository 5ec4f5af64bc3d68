// The build of the addon is stamped with what it was made for, so that the next start can tell cheaply
// (no Python process, no libtorch) when that changed.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { locateLibtorch } from "./locate.mjs";
import { rebuildCommand } from "./remedies.mjs";

/** @import { AddonState, Stamp } from "./stamp.d.mts" */

const nativeDirectory = dirname(fileURLToPath(import.meta.url));
export const buildDirectory = join(dirname(nativeDirectory), "build", "native");
export const addonPath = join(buildDirectory, "deepobf.node");

/**
 * @param {string} [directory]
 * @returns {Stamp | undefined}
 */
export function readStamp(directory = buildDirectory) {
  const path = join(directory, "stamp.json");
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined; // cut short by a crash: as good as no build
  }
}

/** @param {Stamp} stamp */
export function writeStamp(stamp) {
  writeFileSync(join(buildDirectory, "stamp.json"), `${JSON.stringify(stamp, null, 2)}\n`);
}

/** Before a build: one that is broken off leaves an addon of other sources than an old stamp says. */
export function removeStamp() {
  rmSync(join(buildDirectory, "stamp.json"), { force: true });
}

export function hashSources() {
  const hash = createHash("sha256");
  const names = readdirSync(nativeDirectory).filter((name) =>
    /\.(cc|h)$|^CMakeLists\.txt$/.test(name),
  );
  for (const name of names.sort()) {
    hash.update(`${name}\0`).update(readFileSync(join(nativeDirectory, name)));
  }
  return hash.digest("hex");
}

/** @param {string} path */
export function describeLibrary(path) {
  const { size, mtimeMs } = statSync(path);
  return { path, size, modified: Math.round(mtimeMs) };
}

/**
 * @param {NonNullable<Parameters<typeof import("./stamp.d.mts").checkAddon>[0]>} [options]
 * @returns {AddonState}
 */
export function checkAddon(options = {}) {
  const { environment = process.env, directory = buildDirectory } = options;
  const addon = join(directory, "deepobf.node");
  const stamp = readStamp(directory);
  /**
   * @param {boolean} fatal
   * @param {string} reason
   */
  const problem = (fatal, reason) => ({
    addon,
    stamp,
    problem: { fatal, message: `${reason} To rebuild it: ${rebuildCommand}` },
  });
  if (!stamp || !existsSync(addon)) return problem(true, "The addon is not built.");
  const { libtorch, library } = stamp;
  if (!existsSync(library.path))
    return problem(true, `The addon was built for ${library.path}, which is gone.`);
  const now = describeLibrary(library.path);
  if (now.size !== library.size || now.modified !== library.modified)
    return problem(false, `${library.path} changed since the addon was built for it.`);
  const named = namedByEnvironment(environment);
  if (named && named.directory !== libtorch.directory)
    return problem(
      false,
      `The addon was built for libtorch ${libtorch.version} in ${libtorch.directory}, but now ` +
        `${named.source} asks for ${named.directory}.`,
    );
  if (stamp.sources !== hashSources())
    return problem(false, "The C++ sources changed since the addon was built.");
  return { addon, stamp, problem: undefined };
}

/**
 * The libtorch that LIBTORCH or the active environment names. Where they name none, the build stays right:
 * a shell without the variables of the build is no change.
 * @param {Readonly<Record<string, string | undefined>>} environment
 */
function namedByEnvironment(environment) {
  const { libtorch, skipped } = locateLibtorch({
    environment,
    privateEnvironment: "/nonexistent",
    systemPrefixes: [],
    askPython: false,
  });
  return libtorch ?? skipped.find(({ source }) => source === "LIBTORCH");
}
