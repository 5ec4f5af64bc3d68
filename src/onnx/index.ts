// Reading, checking and writing ONNX model files. What is read and refused: docs/onnx.md.
import type { TensorData } from "../graph/graph.ts";
import { ExternalData } from "./external.ts";
import { decodeTensor } from "./tensor.ts";

export { encodeModel } from "./encode.ts";
export { modelFileFacts, readModel, writeModel } from "./files.ts";
export { readMetadata } from "./metadata.ts";
export { type ParseOptions, parseModel } from "./parse.ts";
export { opsets } from "./versions.ts";

/**
 * Decodes a serialized TensorProto, as test suites keep their inputs and outputs.
 * @throws ModelError where it is damaged or of an element type that DeepObf does not support
 */
export function readTensor(bytes: Uint8Array): TensorData {
  const file = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return decodeTensor(file, { subject: "tensor", external: new ExternalData(undefined) }).value;
}
