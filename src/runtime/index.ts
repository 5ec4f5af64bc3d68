// ONNX Runtime in a child process.

export { notesOnLatency } from "./packages.ts";
export { type LatencyOptions, OnnxSession, type SessionOptions } from "./session.ts";
