// A table of files that must be refused, as tests.
import { expect, test } from "vitest";
import { ModelError } from "../../src/errors.ts";
import { parseModel } from "../../src/onnx/index.ts";

/** What is wrong, the file, and what the message must hold. */
export type Case = readonly [what: string, bytes: Uint8Array, expected: string | RegExp];

/** Each file ends in a ModelError that names the model and the culprit. */
export function itRefuses(cases: readonly Case[]): void {
  test.each(cases)("%s", (_, bytes, expected) => {
    const parse = () => parseModel(bytes, { name: "m.onnx" });
    expect(parse).toThrow(ModelError);
    expect(parse).toThrow(expected);
    expect(parse).toThrow(/^m\.onnx: /);
  });
}
