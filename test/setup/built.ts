// The compiled package, for tests of what starts processes.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** URLs of compiled modules by their path below dist/, which is built where it is missing. */
export function built(): (path: string) => string {
  const root = new URL("../../", import.meta.url);
  if (!existsSync(new URL("dist/isolate/process.js", root))) {
    execFileSync(process.execPath, [fileURLToPath(new URL("scripts/build.mjs", root)), "--quiet"]);
  }
  return (path) => new URL(`dist/${path}`, root).href;
}
