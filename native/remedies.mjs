// The commands that messages tell people to type, as they work in the folder where they are printed: by npm in a clone,
// by the package's own command where it is installed.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Whether this is a clone of the repository and no installed package, which has no sources. */
export const isClone = existsSync(join(root, "src"));

const npm = isClone && fromHere(root) !== "" ? `npm --prefix ${fromHere(root)}` : "npm";

/** Calls DeepObf; a command of it follows. */
export const ownCommand = isClone
  ? `node ${fromHere(join(root, "bin", "deepobf.js"))}`
  : "npx deepobf";

/** Finds or installs what is missing, and builds. */
export const setupCommand = isClone ? `${npm} run setup` : "npx deepobf setup";

/** Compiles the sources of a clone. */
export const buildCommand = `${npm} run build`;

/** Builds the addon again. */
export const rebuildCommand = isClone ? `${npm} run build:native` : "npx deepobf setup";

/** Shows what was found. */
export const doctorCommand = `${ownCommand} doctor`;

/** Runs the demo on a folder's images. */
export const demoCommand = isClone ? `${npm} run demo -- FOLDER` : "npx deepobf demo --data FOLDER";

/**
 * Installs an npm package that DeepObf uses, in its version and where DeepObf finds it.
 * @param {string} name
 */
export function packageCommand(name) {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const version = { ...manifest.dependencies, ...manifest.optionalDependencies }[name];
  return `${npm} install ${isGlobal() ? "--global " : ""}--ignore-scripts ${name}@${version}`;
}

/** Whether npm installed this for the whole system: into PREFIX/lib/node_modules, which belongs to no project. */
function isGlobal() {
  const packages = dirname(root);
  return (
    packages.endsWith(join(sep, "lib", "node_modules")) &&
    !existsSync(join(dirname(packages), "package.json"))
  );
}

/**
 * A path as a shell takes it: relative to the working folder where it lies below.
 * @param {string} path
 */
function fromHere(path) {
  const near = relativeToHere(path);
  const short = near.startsWith("..") ? path : near;
  const plain = short.startsWith("-") ? `./${short}` : short;
  return /^[\w./:,=@%+-]*$/.test(plain) ? plain : `'${plain.replaceAll("'", "'\\''")}'`;
}

/**
 * From the working folder; where npm runs a script of the clone, which it does there, from the one that npm was called in.
 * @param {string} path
 */
function relativeToHere(path) {
  try {
    const folder = process.cwd();
    return relative(folder === root ? (process.env.INIT_CWD ?? folder) : folder, path);
  } catch {
    return path; // the working folder was deleted
  }
}
