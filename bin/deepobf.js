#!/usr/bin/env node
// Starts the compiled command line.
import { existsSync } from "node:fs";
import { setupCommand } from "../native/remedies.mjs";
import { explainNode, nodeFits } from "../native/system.mjs";

const main = new URL("../dist/cli/main.js", import.meta.url);
if (!nodeFits(process.versions.node)) {
  fail(explainNode());
} else if (existsSync(main)) {
  await import(main.href);
} else {
  fail(`DeepObf is not built. To build it: ${setupCommand}`);
}

/** @param {string} reason */
function fail(reason) {
  process.stderr.write(`error: ${reason}\n`);
  process.exitCode = 5;
}
