// Generates src/onnx/generated/onnx_pb.ts from ONNX's own schema (src/onnx/schema/onnx.proto, release 1.22.0, unchanged).
// Needs `protoc` (Debian's protobuf-compiler). What is read from a file is kept small on the way:
// - tensors stay bytes, which is the same on the wire; src/onnx/tensor.ts decodes them into typed arrays;
// - fields that DeepObf never reads are left out, so that the decoder skips them unseen.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./process.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const ignoredFields =
  "doc_string|metadata_props|value_info|quantization_annotation|training_info|configuration|device_configurations|denotation";

const directory = mkdtempSync(join(tmpdir(), "onnx-schema-"));
try {
  const schema = readFileSync(join(root, "src/onnx/schema/onnx.proto"), "utf8")
    .replaceAll(/^( *(?:optional|repeated)) (?:Sparse)?TensorProto /gm, "$1 bytes ")
    .replaceAll(new RegExp(`^ *(?:optional|repeated) \\w+ (?:${ignoredFields}) = \\d+;.*\\n`, "gm"), "");
  writeFileSync(join(directory, "onnx.proto"), schema);
  run("generating src/onnx/generated/onnx_pb.ts", [
    "protoc",
    `--plugin=${join(root, "node_modules/.bin/protoc-gen-es")}`,
    `--proto_path=${directory}`,
    `--es_out=${join(root, "src/onnx/generated")}`,
    "--es_opt=target=ts",
    join(directory, "onnx.proto"),
  ]);
} finally {
  rmSync(directory, { recursive: true });
}
