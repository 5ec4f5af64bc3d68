// ONNX Runtime in a child process.

export { installedRuntime, isWebAssembly, nativeRemedy } from "./packages.ts";
export { type LatencyOptions, OnnxSession, type SessionOptions } from "./session.ts";
