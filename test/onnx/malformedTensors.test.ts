// Tensors that contradict themselves or ask for too much, one file for each rule.
import { describe, expect, test } from "vitest";
import { parseModel } from "../../src/onnx/index.ts";
import { floats, message, node, packed, scalar, tensor, value, withGraph } from "./protos.ts";
import { type Case, itRefuses } from "./refusals.ts";

const withTensor = (bytes: Uint8Array) => withGraph({ initializers: [bytes] });

const tensors: readonly Case[] = [
  ["no name", withTensor(scalar("")), "initializer 0 has no name"],
  ["no element type", withTensor(message([8, "w"], [9, floats(1)])), '"w" has no element type'],
  [
    "an unknown element type",
    withTensor(tensor("w", { type: 99 })),
    '"w" has the unknown element type 99',
  ],
  [
    "strings that something reads",
    withGraph({
      initializers: [tensor("w", { type: 8 }, [6, "a"])],
      nodes: [node("Add", ["x", "w"], ["y"])],
    }),
    '"w" has element type string',
  ],
  ["complex numbers", withTensor(tensor("w", { type: 14 }, [9, new Uint8Array(8)])), "complex64"],
  ["8-bit floats", withTensor(tensor("w", { type: 17 }, [9, new Uint8Array(1)])), "float8e4m3fn"],
  [
    "4-bit integers",
    withTensor(tensor("w", { type: 22 }, [9, new Uint8Array(1)])),
    '"w" has element type int4',
  ],
  ["2-bit integers", withTensor(tensor("w", { type: 25 }, [9, new Uint8Array(1)])), "uint2"],
  [
    "a negative size",
    withTensor(tensor("w", { dims: [-1n] }, [9, floats(1)])),
    '"w": [-1] is not a possible shape',
  ],
  ["a size of 2^62", withTensor(tensor("w", { dims: [1n << 62n] })), "not a possible shape"],
  [
    "a product beyond 2^64",
    withTensor(tensor("w", { dims: [65536, 65536, 65536, 65536] })),
    "would take 73786976294838206464 bytes",
  ],
  [
    "a tensor above 2 GiB",
    withTensor(tensor("w", { dims: [1 << 15, 1 << 15] })),
    "would take 4294967296 bytes",
  ],
  [
    "no elements, but sizes beyond 2 GiB",
    withTensor(tensor("w", { dims: [1 << 16, 1 << 16, 0] })),
    "would take 17179869184 bytes with 1 in place of 0",
  ],
  [
    "65 dimensions",
    withTensor(tensor("w", { dims: Array(65).fill(1) }, [9, floats(1)])),
    "more than 64 dimensions",
  ],
  [
    "65 dimensions, packed",
    withTensor(message([1, new Uint8Array(65).fill(1)], [2, 1], [8, "w"])),
    "more than 64 dimensions",
  ],
  [
    "too few bytes",
    withTensor(tensor("w", { dims: [2] }, [9, floats(1)])),
    '"w": raw_data has 4 bytes, but float32 [2] needs 8',
  ],
  ["too many bytes", withTensor(tensor("w", { dims: [1] }, [9, floats(1, 2)])), "has 8 bytes"],
  [
    "bytes for no elements",
    withTensor(tensor("w", { dims: [0, 3] }, [9, floats(1)])),
    "float32 [0, 3] needs 0",
  ],
  [
    "too few values",
    withTensor(tensor("w", { dims: [3] }, [4, floats(1, 2)])),
    "float_data has 2 values, but float32 [3] needs 3",
  ],
  ["no values", withTensor(tensor("w", { dims: [3] })), "the tensor has 0 values"],
  [
    "raw and typed values",
    withTensor(tensor("w", {}, [9, floats(1)], [4, floats(2)])),
    '"w" has its values in float_data and in raw_data',
  ],
  [
    "two kinds of typed values",
    withTensor(tensor("w", {}, [4, floats(1)], [5, packed([1])])),
    "in float_data and in int32_data",
  ],
  ["raw data twice", withTensor(tensor("w", {}, [9, floats(1)], [9, floats(2)])), "raw_data twice"],
  [
    "values of another type",
    withTensor(tensor("w", { type: 11 }, [4, floats(1)])),
    '"w" of type float64 has its values in float_data',
  ],
  [
    "an int8 of 200",
    withTensor(tensor("w", { type: 3 }, [5, packed([200])])),
    "does not fit type int8",
  ],
  [
    "a uint8 of -1",
    withTensor(tensor("w", { type: 2 }, [5, packed([-1n])])),
    "does not fit type uint8",
  ],
  [
    "a float16 of 17 bits",
    withTensor(tensor("w", { type: 10 }, [5, packed([65536])])),
    "does not fit type float16",
  ],
  [
    "a uint32 of 33 bits",
    withTensor(tensor("w", { type: 12 }, [11, packed([1n << 32n])])),
    "does not fit type uint32",
  ],
  ["a bool of 2", withTensor(tensor("w", { type: 9 }, [5, packed([2])])), "does not fit type bool"],
  [
    "a raw bool of 2",
    withTensor(tensor("w", { type: 9 }, [9, Uint8Array.of(2)])),
    "stored as 0 or 1",
  ],
  [
    "segments",
    withTensor(tensor("w", {}, [9, floats(1)], [3, message([1, 0], [2, 1])])),
    "stored in segments",
  ],
  ["an unknown place of data", withTensor(tensor("w", {}, [14, 7])), "unknown data_location 7"],
  [
    "external data in memory",
    withTensor(tensor("w", {}, [14, 1], [13, message([1, "location"], [2, "w.bin"])])),
    "give the model as a file",
  ],
  [
    "external data without the mark",
    withTensor(tensor("w", { dims: [0] }, [13, message([1, "location"], [2, "w.bin"])])),
    "data_location is not EXTERNAL",
  ],
  [
    "external data and raw data",
    withTensor(tensor("w", {}, [14, 1], [9, floats(1)])),
    "in raw_data and in external_data",
  ],
  ["a damaged tensor", withTensor(Uint8Array.of(0x4a, 0x7f)), "cut short"],
  [
    "a tensor field of another wire type",
    withTensor(message([2, "x"])),
    "TensorProto field 2 has wire type 2",
  ],
  [
    "the same name twice",
    withGraph({ initializers: [scalar("w"), scalar("w")] }),
    'initializer "w" is defined twice',
  ],
  [
    "sparse initializers",
    withGraph({ more: [[15, message([1, scalar("w")])]] }),
    "1 sparse initializers",
  ],
  [
    "a type unlike the input's",
    withGraph({ inputs: [value("x", [2]), value("w", [], 7)], initializers: [scalar("w")] }),
    'input "w" is declared as int64',
  ],
  [
    "a shape unlike the input's",
    withGraph({ inputs: [value("x", [2]), value("w", [3])], initializers: [scalar("w")] }),
    'input "w" is declared as float32 [3]',
  ],
];

describe("initializers", () => itRefuses(tensors));

test("lists all complaints at once, and counts those that it does not show", () => {
  const initializers = Array.from({ length: 30 }, (_, i) => tensor(`w${i}`, { type: 22 }));
  expect(() => parseModel(withGraph({ initializers }))).toThrow(
    /^model: 30 problems:\n- initializer "w0" has element type int4.*\n- initializer "w1" [\s\S]*\n- and 20 more$/,
  );
});

test("shortens long names in messages", () => {
  const name = `${"n".repeat(5000)}END`;
  expect(() => parseModel(withTensor(tensor(name, { type: 22 })))).toThrow(/^.{1,250}END".{1,60}$/);
});
