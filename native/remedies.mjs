// The commands that messages tell people to type, as they work where they are printed: by npm in a clone, by the package's
// own command where it is installed.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Whether this is a clone of the repository and no installed package, which has no sources. */
export const isClone = existsSync(join(root, "src"));

/** Calls DeepObf; a command of it follows. */
export const ownCommand = isClone ? "node bin/deepobf.js" : "npx deepobf";

/** Finds or installs what is missing, and builds. */
export const setupCommand = isClone ? "npm run setup" : "npx deepobf setup";

/** Builds the addon again. */
export const rebuildCommand = isClone ? "npm run build:native" : "npx deepobf setup";

/** Shows what was found. */
export const doctorCommand = `${ownCommand} doctor`;

/** Runs the demo on a folder's images. */
export const demoCommand = isClone ? "npm run demo -- FOLDER" : "npx deepobf demo --data FOLDER";

/**
 * Installs an npm package that DeepObf uses, in its version and where DeepObf finds it.
 * @param {string} name
 */
export function packageCommand(name) {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const version = { ...manifest.dependencies, ...manifest.optionalDependencies }[name];
  return `npm install ${isGlobal() ? "--global " : ""}--ignore-scripts ${name}@${version}`;
}

/** Whether npm installed this for the whole system: into PREFIX/lib/node_modules, which belongs to no project. */
function isGlobal() {
  const packages = dirname(root);
  return (
    packages.endsWith(join(sep, "lib", "node_modules")) &&
    !existsSync(join(dirname(packages), "package.json"))
  );
}
