// What jazzer.js calls with bytes that it made up (scripts/fuzz.sh): the readers of strangers' files. Anything but the
// error that a reader throws for a bad file is a finding.
import { ModelError } from "../../src/errors.ts";
import { inspectGraph } from "../../src/evaluate/inspect.ts";
import { parseModel } from "../../src/onnx/index.ts";
import { decodeTensors } from "../../src/runs/safetensors.ts";

export function onnx(bytes: Uint8Array): void {
  expecting(ModelError, () => inspectGraph(parseModel(Uint8Array.from(bytes))));
}

export function safetensors(bytes: Uint8Array): void {
  expecting(RangeError, () => decodeTensors(Uint8Array.from(bytes)));
}

function expecting(expected: typeof ModelError | typeof RangeError, read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof expected)) throw error;
  }
}
