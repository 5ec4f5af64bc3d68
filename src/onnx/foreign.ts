// Recognises files that people give where an ONNX file is expected.

import { gitLfsPointer } from "../files.ts";

const signatures: readonly { readonly at: number; readonly text: string; readonly is: string }[] = [
  {
    at: 0,
    text: "PK\x03\x04",
    is: "a zip archive (PyTorch's .pt, .npz or .keras?); export the model to ONNX",
  },
  { at: 0, text: "\x80\x02", is: "a Python pickle (PyTorch's .pt?); export the model to ONNX" },
  { at: 0, text: "\x80\x03", is: "a Python pickle (PyTorch's .pt?); export the model to ONNX" },
  { at: 0, text: "\x80\x04", is: "a Python pickle (PyTorch's .pt?); export the model to ONNX" },
  { at: 0, text: "\x80\x05", is: "a Python pickle (PyTorch's .pt?); export the model to ONNX" },
  { at: 0, text: "\x89HDF", is: "an HDF5 file (Keras' .h5?); export the model to ONNX" },
  { at: 4, text: "TFL3", is: "a TensorFlow Lite model; convert it to ONNX" },
  {
    at: 4,
    text: "ORTM",
    is: "in ONNX Runtime's own format; give the .onnx file that it was made from",
  },
  { at: 0, text: "\x1f\x8b", is: "compressed by gzip; decompress it first" },
  { at: 0, text: "\x93NUMPY", is: "a NumPy array" },
  { at: 0, text: "\x89PNG", is: "a PNG image" },
  { at: 0, text: "\xff\xd8\xff", is: "a JPEG image" },
  { at: 0, ...gitLfsPointer },
];

/** What a file is that is no ONNX model, in words; undefined where it cannot be told. */
export function describeForeign(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.subarray(0, 512)).toString("latin1");
  const signature = signatures.find(({ at, text }) => head.startsWith(text, at));
  if (signature !== undefined) return signature.is;
  if (/^.{8}\{"/s.test(head)) return "a safetensors file, which holds weights but no network";
  if (/^[\t\n\f\r\x20-\x7e]+$/.test(head)) return "a text file";
  if (bytes.every((byte) => byte === 0)) return "filled with zeros";
  return undefined;
}
