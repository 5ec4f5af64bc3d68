// The packages that bring ONNX Runtime: the native one, and where it is missing (its install script needs more
// than npm's registry) the WebAssembly one, which computes the same more slowly.
import { doctorCommand } from "../../native/remedies.mjs";

/** In the order in which they are taken. */
export const packages = ["onnxruntime-node", "onnxruntime-web"] as const;

export type RuntimePackage = (typeof packages)[number];

/** What is to be known of latencies that were measured in a package; nothing of the native one's. */
export function notesOnLatency(runtime: RuntimePackage): string[] {
  if (runtime === "onnxruntime-node") return [];
  return [
    "onnxruntime-node is not installed or does not load: latencies are those of ONNX Runtime for WebAssembly. " +
      `What to do for those of a server: ${doctorCommand}`,
  ];
}
