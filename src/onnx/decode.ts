// The bytes of a file to the messages of ONNX's schema, checked before they are decoded.
import { fromBinary } from "@bufbuild/protobuf";
import { ModelError } from "../errors.ts";
import { describeForeign } from "./foreign.ts";
import { type GraphProto, type ModelProto, ModelProtoSchema } from "./generated/onnx_pb.ts";
import { limits } from "./limits.ts";
import { escapeText } from "./problems.ts";
import { checkWire } from "./wire.ts";

/** A decoded file that has a graph. */
export interface ModelFile {
  readonly model: ModelProto;
  readonly graph: GraphProto;
}

/**
 * Decodes a serialized ModelProto.
 * @throws ModelError where the bytes are no ONNX model, which names what they are instead if that can be told
 */
export function decodeModel(bytes: Uint8Array): ModelFile {
  if (bytes.length === 0) throw new ModelError("the file is empty");
  if (bytes.length > limits.fileBytes)
    throw new ModelError(
      `the file has ${bytes.length} bytes; ONNX files have at most ${limits.fileBytes} (larger models keep their weights in files beside them)`,
    );
  const foreign = (problem: string): never => {
    const kind = describeForeign(bytes);
    throw new ModelError(kind === undefined ? problem : `not an ONNX file, but ${kind}`);
  };
  try {
    checkWire(ModelProtoSchema, bytes);
  } catch (error) {
    if (error instanceof ModelError) foreign(error.message);
    throw error;
  }
  const model = decodeMessages(bytes);
  const { graph } = model;
  if (graph === undefined) return foreign("the file has no graph; it is not an ONNX model");
  return { model, graph };
}

function decodeMessages(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes, {
      readUnknownFields: false,
      recursionLimit: limits.messageDepth,
    });
  } catch (error) {
    throw new ModelError(
      `the file is damaged or not ONNX: ${escapeText((error as Error).message)}`,
      { cause: error },
    );
  }
}
