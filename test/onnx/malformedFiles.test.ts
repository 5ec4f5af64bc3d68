// Files that are no models, damaged ones, and versions that are not supported.
import { describe, expect, test } from "vitest";
import { parseModel } from "../../src/onnx/index.ts";
import { attribute, graph, message, model, node, opset, withGraph } from "./protos.ts";
import { type Case, itRefuses } from "./refusals.ts";

const text = (content: string) => Buffer.from(content, "latin1");
const withAttribute = (bytes: Uint8Array) =>
  withGraph({ nodes: [node("Relu", ["x"], ["y"], { attributes: [bytes] })] });

const noModel: readonly Case[] = [
  ["an empty file", new Uint8Array(0), "the file is empty"],
  ["a text file", text("hello world\n"), "a text file"],
  ["zeros", new Uint8Array(100), "filled with zeros"],
  ["a zip archive", text("PK\x03\x04\x14\0\0\0archive/data.pkl"), "zip archive"],
  ["a pickle", text("\x80\x02}q\0."), "Python pickle"],
  ["an HDF5 file", text("\x89HDF\r\n\x1a\n\0\0"), "HDF5"],
  ["a TensorFlow Lite model", text("\x1c\0\0\0TFL3\x14\0\x20\0"), "TensorFlow Lite"],
  ["a file of ONNX Runtime's own", text("\x18\0\0\0ORTM\0\0\0\0"), "ONNX Runtime's own format"],
  ["a gzip file", text("\x1f\x8b\x08\0\0\0\0\0"), "gzip"],
  ["a safetensors file", text('\x40\0\0\0\0\0\0\0{"w":{}}'), "safetensors"],
  [
    "a Git LFS pointer",
    text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
    "git lfs pull",
  ],
  [
    "random bytes",
    Uint8Array.from({ length: 200 }, (_, i) => (i * 73 + 11) % 256),
    "damaged or not ONNX",
  ],
  ["a model cut short", model().subarray(0, 40), "cut short"],
  ["a model that ends in a tag", Buffer.concat([model(), Uint8Array.of(0x80)]), "cut short"],
  [
    "a field number of zero",
    Buffer.concat([model(), Uint8Array.of(0, 0)]),
    "a field without a number",
  ],
  ["a group", Buffer.concat([model(), Uint8Array.of(0xfb, 1)]), "wire type 3"],
  [
    "an endless varint",
    Buffer.concat([model(), Uint8Array.of(8, ...Array(11).fill(0xff))]),
    "more than 10 bytes",
  ],
  [
    "a field of another wire type",
    message([1, "8"], [7, graph()]),
    "ModelProto.ir_version has wire type 2",
  ],
  ["no graph", message([1, 8], [8, opset("", 17)]), "no graph"],
  [
    "two graphs",
    Buffer.concat([model(), message([7, graph()])]),
    "ModelProto.graph is there twice",
  ],
  [
    "a list that ends in a number",
    withAttribute(attribute("a", 7, [8, Uint8Array.of(0x80)])),
    "a list ends inside a number",
  ],
  [
    "a list of torn floats",
    withAttribute(attribute("a", 6, [7, Uint8Array.of(1, 2, 3)])),
    "a list ends inside a number",
  ],
];

const versions: readonly Case[] = [
  ["no IR version", message([8, opset("", 17)], [7, graph()]), "IR version 0"],
  ["an IR version too old", model({ ir: 2 }), "IR version 2"],
  ["an IR version too new", model({ ir: 99 }), "versions 3 to 13"],
  ["a negative IR version", model({ ir: -1n }), "IR version -1"],
  ["no opset", model({ opsets: [] }), "does not say which opset"],
  [
    "only the opset of another domain",
    model({ opsets: [opset("ai.onnx.ml", 3)] }),
    "does not say which opset",
  ],
  ["an opset too old", model({ opsets: [opset("", 6)] }), "opsets 7 to 26"],
  ["an opset too new", model({ opsets: [opset("", 27)] }), "uses opset 27"],
  ["two opsets", model({ opsets: [opset("", 17), opset("ai.onnx", 18)] }), "opsets 17 and 18"],
];

describe("what is no model", () => itRefuses(noModel));
describe("versions", () => itRefuses(versions));

test("takes the model that the cases are variations of", () => {
  expect(parseModel(model()).nodes).toHaveLength(1);
});
