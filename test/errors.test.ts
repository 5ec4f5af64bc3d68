import { describe, expect, test } from "vitest";
import {
  DataError,
  DivergedError,
  errorOfCode,
  GateError,
  InterruptedError,
  isOutOfMemory,
  ModelError,
  ResourceError,
  UsageError,
  WorkerError,
} from "../src/errors.ts";
import { constantValue } from "../src/onnx/constants.ts";

describe("a failure's message", () => {
  test("shows what a terminal would obey as text", () => {
    const { message } = new DataError("the class \u001b[2J\u202e has no images\nnor has b");
    expect(message).toBe("the class \\u{1b}[2J\\u{202e} has no images\nnor has b");
  });

  test("is of a length that a person reads", () => {
    expect(new ModelError("x".repeat(1e6)).message.length).toBeLessThan(4096);
  });

  test("names a constant's attribute without its control characters", () => {
    const node = {
      name: "c",
      operator: "Constant",
      domain: "",
      inputs: [],
      outputs: ["y"],
      attributes: { "va\u0006ue": { type: "string", value: "x" } as const },
    };
    expect(() => constantValue(node)).toThrow(
      'Constant node "c" has its value as "va\\u{6}ue" of type string, which is not supported',
    );
  });
});

test.each([
  new UsageError("u"),
  new ModelError("m"),
  new DataError("d"),
  new ResourceError("r"),
  new DivergedError("i"),
  new GateError("g"),
  new WorkerError("w"),
  new InterruptedError("SIGINT", "s"),
  new InterruptedError("SIGTERM", "t"),
])("a failure of another process is of the class that it has there: %s", (thrown) => {
  const failure = errorOfCode(thrown.exitCode, thrown.message);
  expect(failure).toStrictEqual(thrown);
});

test("memory that a kernel's buffer does not get has run out; what a file calls so has not", () => {
  const cause = new Error("deepobf::winograd: std::bad_alloc");
  expect(isOutOfMemory(cause)).toBe(true);
  expect(isOutOfMemory(new ModelError("m.onnx: refused", { cause }))).toBe(true);
  expect(isOutOfMemory(new ModelError("m.onnx: node std::bad_alloc"))).toBe(false);
});
