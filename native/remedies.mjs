// The commands that messages tell people to type, as they work where they are printed: by npm in a clone, by the package's
// own command where it is installed.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
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
