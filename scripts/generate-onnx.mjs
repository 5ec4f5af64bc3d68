// Generates src/onnx/generated/onnx_pb.ts from ONNX's own schema (src/onnx/schema/onnx.proto, release 1.22.0, unchanged).
// Needs `protoc` (Debian's protobuf-compiler). The schema is narrowed on the way, without a change on the wire:
// - tensors stay bytes; src/onnx/tensor.ts decodes them straight into their final form;
// - enums stay numbers, so that a number from a newer version can be named in a message;
// - what DeepObf never reads is left out, so that the decoder skips it unseen.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, run } from "./process.mjs";

const unreadFields =
  "doc_string|metadata_props|value_info|quantization_annotation|training_info|configuration|device_configurations|denotation|tensors|graphs|sparse_tensors?|type_protos|tp";
const unreadMessages =
  "IntIntListEntryProto|NodeDeviceConfigurationProto|\\w*Sharded\\w*|ShardingSpecProto|TrainingInfoProto|DeviceConfigurationProto|TensorAnnotation|SparseTensorProto";

/** @type {[RegExp, string][]} */
const narrowing = [
  [/^( *(?:optional|repeated)) (?:Sparse)?TensorProto /gm, "$1 bytes "],
  [/^( *optional) (?:AttributeType|DataLocation) /gm, "$1 int32 "],
  [/^ *enum \w+ \{[^}]*\}\n/gm, ""],
  [new RegExp(`^ *(?:optional|repeated) \\w+ (?:${unreadFields}) = \\d+;.*\\n`, "gm"), ""],
  [new RegExp(`^message (?:${unreadMessages}) \\{[^]*?^\\}`, "gm"), ""],
];

const directory = mkdtempSync(join(tmpdir(), "onnx-schema-"));
try {
  const schema = readFileSync(join(root, "src/onnx/schema/onnx.proto"), "utf8");
  writeFileSync(
    join(directory, "onnx.proto"),
    narrowing.reduce(
      (text, [pattern, replacement]) => text.replaceAll(pattern, replacement),
      schema,
    ),
  );
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
