// The packages that bring ONNX Runtime: the native one, and where it is missing (its install script needs more
// than npm's registry) the WebAssembly one, which computes the same more slowly.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** In the order in which they are taken. */
export const packages = ["onnxruntime-node", "onnxruntime-web"] as const;

/** The installed package that is taken; undefined where there is none. */
export function installedRuntime():
  | { name: (typeof packages)[number]; version: string }
  | undefined {
  const { resolve } = createRequire(import.meta.url);
  for (const name of packages) {
    try {
      return { name, version: packageVersion(dirname(resolve(name)), name) ?? "" };
    } catch {
      // not installed
    }
  }
  return undefined;
}

/** Whether latencies are those of WebAssembly. */
export function isWebAssembly(): boolean {
  return installedRuntime()?.name === "onnxruntime-web";
}

export const nativeRemedy = "npm install --ignore-scripts onnxruntime-node@1.30.0";

/** The version in the package.json of a package above a folder; "exports" may hide it from `require`. */
export function packageVersion(directory: string, name: string): string | undefined {
  try {
    const manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
    if (manifest.name === name) return manifest.version;
  } catch {
    // further up
  }
  const above = dirname(directory);
  return above === directory ? undefined : packageVersion(above, name);
}
