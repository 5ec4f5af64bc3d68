// Compiles the package before any test, where dist/ was made from other sources: the command, and whatever else runs in
// a process of its own, is the compiled one.
import { execFileSync } from "node:child_process";
import { join } from "node:path";

export default function compile(): void {
  const script = join(import.meta.dirname, "..", "..", "scripts", "build.mjs");
  execFileSync(process.execPath, [script, "--quiet"], { stdio: "inherit" });
}
