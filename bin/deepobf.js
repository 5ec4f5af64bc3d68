#!/usr/bin/env node
// Starts the compiled command line.
import { existsSync } from "node:fs";

const main = new URL("../dist/cli/main.js", import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  process.stderr.write("error: DeepObf is not built. To build it: npm run setup\n");
  process.exitCode = 5;
}
