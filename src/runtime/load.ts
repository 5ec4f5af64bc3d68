// Loads ONNX Runtime. Apart from the packages' names, since its types are nothing to those who use the library.
import { packages } from "./packages.ts";

export type Runtime = typeof import("onnxruntime-node");

/** Loads the first package that loads. Throws the error of the first where none does. */
export async function loadRuntime(): Promise<Runtime> {
  const failures: unknown[] = [];
  for (const name of packages) {
    try {
      const runtime: Runtime = await import(name);
      // Threads of WebAssembly would each be a worker.
      if (name === "onnxruntime-web") runtime.env.wasm.numThreads = 1;
      return runtime;
    } catch (error) {
      failures.push(error);
    }
  }
  throw failures[0];
}
