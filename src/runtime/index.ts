// ONNX Runtime in a child process.

export { type LatencyOptions, median, OnnxSession, type SessionOptions } from "./session.ts";
