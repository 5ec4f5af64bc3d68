// Builds the addon with AddressSanitizer in a folder of its own, and runs the native tests on it. Leaks are not looked
// for: Node.js and libtorch keep memory on purpose (test/torch/memory.test.ts counts tensors instead).
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { locateLibtorch } from "../native/locate.mjs";
import { root, run } from "./process.mjs";

const copy = join(root, ".cache", "sanitized");
const flags = "-fsanitize=address -fno-omit-frame-pointer";

rmSync(copy, { recursive: true, force: true });
for (const part of [
  "bin",
  "native",
  "scripts",
  "src",
  "test",
  "package.json",
  "vitest.config.ts",
]) {
  cpSync(join(root, part), join(copy, part), { recursive: true });
}
for (const part of ["node_modules", "dist", "examples", "docs", "tsconfig.json"]) {
  if (existsSync(join(root, part))) symlinkSync(join(root, part), join(copy, part));
}
// The copy has no private environment of set-up, where libtorch may be.
const { LIBTORCH = locateLibtorch().libtorch?.directory } = process.env;
const environment = { ...process.env, LIBTORCH };
const build = ["node", join(copy, "scripts", "build-native.mjs")];
run("the build with AddressSanitizer", build, { env: { ...environment, CXXFLAGS: flags } });
const library = execFileSync("c++", ["-print-file-name=libasan.so"], { encoding: "utf8" }).trim();
const sanitized = {
  ...environment,
  LD_PRELOAD: library,
  ASAN_OPTIONS: "detect_leaks=0:halt_on_error=1:exitcode=99",
};
const tests = ["npx", "vitest", "run", "test/torch", "--testTimeout", "600000"];
console.log(run("the native tests with AddressSanitizer", tests, { cwd: copy, env: sanitized }));
rmSync(copy, { recursive: true, force: true });
