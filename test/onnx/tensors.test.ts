// Every encoding that the format has for a tensor's values.
import { describe, expect, test } from "vitest";
import type { DataType } from "../../src/graph/graph.ts";
import { readTensor } from "../../src/onnx/index.ts";
import { bytesOf, type Field, floats, message, packed, tensor, varint } from "./protos.ts";

type Case = readonly [dtype: DataType, code: number, typed: Field, raw: Uint8Array];

const bits16 = bytesOf(Uint16Array.of(0x3c00, 0xc000, 0xffff));
const cases: readonly Case[] = [
  ["float32", 1, [4, floats(1, -2.5, 3e38)], floats(1, -2.5, 3e38)],
  ["uint8", 2, [5, packed([0, 7, 255])], Uint8Array.of(0, 7, 255)],
  ["int8", 3, [5, packed([-128n, 0, 127])], bytesOf(Int8Array.of(-128, 0, 127))],
  ["uint16", 4, [5, packed([0, 7, 65535])], bytesOf(Uint16Array.of(0, 7, 65535))],
  ["int16", 5, [5, packed([-32768n, 0, 32767])], bytesOf(Int16Array.of(-32768, 0, 32767))],
  [
    "int32",
    6,
    [5, packed([-(2n ** 31n), -1n, 2 ** 31 - 1])],
    bytesOf(Int32Array.of(-(2 ** 31), -1, 2 ** 31 - 1)),
  ],
  [
    "int64",
    7,
    [7, packed([-(2n ** 63n), -1n, 2n ** 63n - 1n])],
    bytesOf(BigInt64Array.of(-(2n ** 63n), -1n, 2n ** 63n - 1n)),
  ],
  ["bool", 9, [5, packed([1, 0, 1])], Uint8Array.of(1, 0, 1)],
  ["float16", 10, [5, packed([0x3c00, 0xc000, 0xffff])], bits16],
  [
    "float64",
    11,
    [10, bytesOf(Float64Array.of(1, -2.5, 1e300))],
    bytesOf(Float64Array.of(1, -2.5, 1e300)),
  ],
  ["uint32", 12, [11, packed([0, 7, 2 ** 32 - 1])], bytesOf(Uint32Array.of(0, 7, 2 ** 32 - 1))],
  [
    "uint64",
    13,
    [11, packed([0, 7, 2n ** 64n - 1n])],
    bytesOf(BigUint64Array.of(0n, 7n, 2n ** 64n - 1n)),
  ],
  ["bfloat16", 16, [5, packed([0x3c00, 0xc000, 0xffff])], bits16],
];

/** The values of a packed field as fields of their own, which the wire format allows too. */
function unpacked([number, value]: Field, size: number | "varint"): Uint8Array {
  const bytes = value as Uint8Array;
  const parts: Uint8Array[] = [];
  for (let start = 0, end = 0; start < bytes.length; start = end) {
    end = start + (size === "varint" ? 1 : size);
    if (size === "varint") while (bytes[end - 1]! >= 0x80) end++;
    const type = size === 4 ? 5 : size === 8 ? 1 : 0;
    parts.push(varint((number << 3) | type), bytes.subarray(start, end));
  }
  return Buffer.concat(parts);
}

describe.each(cases)("%s", (dtype, type, typed, raw) => {
  const expected = { dtype, shape: [3, 1], data: new Uint8Array(raw) };
  const header = { type, dims: [3, 1] };
  const plain = ({ data, ...rest }: ReturnType<typeof readTensor>) => ({
    ...rest,
    data: new Uint8Array(data),
  });

  test("is read from raw_data", () => {
    expect(plain(readTensor(tensor("t", header, [9, raw])))).toEqual(expected);
  });

  test("is read from its typed field", () => {
    expect(plain(readTensor(tensor("t", header, typed)))).toEqual(expected);
  });

  test("is read from its typed field, value by value", () => {
    const size = typed[0] === 4 ? 4 : typed[0] === 10 ? 8 : "varint";
    const bytes = Buffer.concat([tensor("t", header), unpacked(typed, size)]);
    expect(plain(readTensor(bytes))).toEqual(expected);
  });

  test("is aligned, wherever it lies in the file", () => {
    for (const name of ["", "a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg"]) {
      const { data } = readTensor(tensor(name, header, [9, raw]));
      expect(data.byteOffset % (raw.length / 3)).toBe(0);
      expect([...data]).toEqual([...raw]);
    }
  });
});

describe("shapes", () => {
  test("are read packed, too", () => {
    const bytes = message([1, packed([2, 1, 3])], [2, 1], [4, floats(1, 2, 3, 4, 5, 6)]);
    expect(readTensor(bytes).shape).toEqual([2, 1, 3]);
  });

  test("may be those of a scalar or of nothing", () => {
    expect(readTensor(tensor("t", {}, [9, floats(1)])).shape).toEqual([]);
    expect(readTensor(tensor("t", { dims: [0, 3] })).data).toHaveLength(0);
  });
});

test("puts together values that come in several lists", () => {
  const bytes = tensor("t", { dims: [3] }, [4, floats(1)], [4, floats(2, 3)]);
  expect([...new Uint8Array(readTensor(bytes).data)]).toEqual([...floats(1, 2, 3)]);
});
