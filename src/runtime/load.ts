// Loads ONNX Runtime. Apart from the packages' names, since its types are nothing to those who use the library.
import { packages, type RuntimePackage } from "./packages.ts";

export type Runtime = typeof import("onnxruntime-node");

export interface LoadedRuntime {
  readonly name: RuntimePackage;
  readonly ort: Runtime;
}

/**
 * Loads the first package that loads, with its telemetry off: the native one would send names, hashes and kinds of
 * models to its maker (https://github.com/microsoft/onnxruntime/pull/27379). Throws the error of the first where none
 * does.
 */
export async function loadRuntime(): Promise<LoadedRuntime> {
  process.env.ORT_DISABLE_TELEMETRY = "1";
  const failures: unknown[] = [];
  for (const name of packages) {
    try {
      const ort: Runtime = await import(name);
      // Threads of WebAssembly would each be a worker.
      if (name === "onnxruntime-web") ort.env.wasm.numThreads = 1;
      return { name, ort };
    } catch (error) {
      failures.push(error);
    }
  }
  throw failures[0];
}
