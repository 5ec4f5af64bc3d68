import { describe, expect, test } from "vitest";
import { decodeTensors, encodeTensors } from "../../src/runs/safetensors.ts";
import { type DType, scope, type Tensor, tensor, zeros } from "../../src/torch/index.ts";

const dtypes: readonly DType[] = [
  ...(["float32", "float64", "bfloat16", "float16"] as const),
  ...(["int64", "int32", "int16", "int8", "uint8", "bool"] as const),
];

/** A file of a header and data. */
function file(header: unknown, data: Uint8Array = new Uint8Array(8)): Uint8Array {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

function entry(changes: Record<string, unknown> = {}) {
  return { dtype: "F32", shape: [2], data_offsets: [0, 8], ...changes };
}

describe("safetensors", () => {
  test.each(dtypes)("gives %s tensors back bit for bit", (dtype) => {
    scope(() => {
      const values = [0, 1, 3, 2, 0, 1].map((value) => (dtype === "bool" ? value % 2 : value));
      const given = tensor(values, { shape: [2, 3], dtype });
      const read = decodeTensors(encodeTensors(new Map([["x", given]]))).get("x")!;
      expect([read.dtype, read.shape]).toEqual([dtype, [2, 3]]);
      expect(read.toBytes()).toEqual(given.toBytes());
      expect(read.numbers().map(Number)).toEqual(values);
    });
  });

  test("keeps names, order, scalars, empty tensors, NaN and infinities", () => {
    scope(() => {
      const strange = [Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-45];
      const tensors = new Map<string, Tensor>([
        ['z/ä "quoted"\n', tensor(strange)],
        ["a", tensor([7], { shape: [] })],
        ["empty", zeros([0, 3])],
      ]);
      const read = decodeTensors(encodeTensors(tensors));
      expect([...read.keys()]).toEqual([...tensors.keys()]);
      expect([...read.values()].map(({ shape }) => shape)).toEqual([[4], [], [0, 3]]);
      const values = read.get('z/ä "quoted"\n')!.numbers();
      expect(values.slice(0, 3)).toEqual(strange.slice(0, 3));
      expect(values[3]).toBeGreaterThan(0);
    });
  });

  test("keeps names that are numbers, which JSON puts in another order than their data", () => {
    scope(() => {
      const tensors = new Map(
        [tensor([1, 2]), zeros([0]), tensor([3])].map((each, i) => [["x", "12", "7"][i]!, each]),
      );
      const read = decodeTensors(encodeTensors(tensors));
      expect([...read].map(([name, each]) => [name, each.numbers()])).toEqual([
        ["7", [3]],
        ["12", []],
        ["x", [1, 2]],
      ]);
    });
  });

  test("takes the elements of a transposed tensor in their logical order", () => {
    scope(() => {
      const given = tensor([1, 2, 3, 4, 5, 6, 7, 8], { shape: [1, 2, 2, 2] });
      const moved = given.to({ memoryFormat: "channelsLast" });
      const read = decodeTensors(encodeTensors(new Map([["x", moved]]))).get("x");
      expect(read?.numbers()).toEqual(given.numbers());
    });
  });

  test("writes the layout that the format prescribes", () => {
    const bytes = Buffer.from(encodeTensors(new Map([["x", tensor([1, 2])]])));
    const length = Number(bytes.readBigUInt64LE());
    expect(length % 8).toBe(0);
    expect(JSON.parse(bytes.subarray(8, 8 + length).toString())).toEqual({ x: entry() });
    expect(bytes.readFloatLE(8 + length + 4)).toBe(2);
    expect(bytes.length).toBe(8 + length + 8);
  });

  const malformed: Record<string, Uint8Array> = {
    "an empty file": new Uint8Array(),
    "a length cut short": new Uint8Array(7),
    "a header longer than the file": file({ x: entry() }).subarray(0, 20),
    "a header of 2^63 bytes": Buffer.from("00000000000000807b7d", "hex"),
    "a header that is no JSON": file("{not JSON"),
    "a header that is no object": file("null"),
    "an entry that is no object": file({ x: null }),
    "an unknown type": file({ x: entry({ dtype: "F8" }) }),
    "a type from Object.prototype": file({ x: entry({ dtype: "toString" }) }),
    "no shape": file({ x: entry({ shape: undefined }) }),
    "a shape that is no list": file({ x: entry({ shape: "2" }) }),
    "a negative size": file({ x: entry({ shape: [-2] }) }),
    "two negative sizes": file({ x: entry({ shape: [-2, -1] }) }),
    "half a size": file({ x: entry({ shape: [0.5, 4] }) }),
    "a shape of more elements": file({ x: entry({ shape: [3] }) }),
    "a shape of fewer elements": file({ x: entry({ shape: [1] }) }),
    "a shape of 2^80 elements": file({ x: entry({ shape: [2 ** 40, 2 ** 40] }) }),
    "huge sizes beside a zero": file({
      x: entry({ shape: [2 ** 52, 4, 0], data_offsets: [0, 0] }),
    }),
    "a thousand dimensions": file({ x: entry({ shape: new Array(1000).fill(1) }) }),
    "no offsets": file({ x: entry({ data_offsets: undefined }) }),
    "offsets that are no numbers": file({ x: entry({ data_offsets: ["0", "8"] }) }),
    "one offset": file({ x: entry({ data_offsets: [0] }) }),
    "offsets in the wrong order": file({ x: entry({ data_offsets: [8, 0] }) }),
    "negative offsets": file({ x: entry({ data_offsets: [-8, 0] }) }),
    "offsets behind the end": file({ x: entry({ data_offsets: [8, 16] }) }),
    "data cut short": file({ x: entry() }, new Uint8Array(7)),
    "data of no tensor at the end": file({ x: entry() }, new Uint8Array(9)),
    "data of no tensor at the begin": file(
      { x: entry({ data_offsets: [1, 9] }) },
      new Uint8Array(9),
    ),
    "the same data for two tensors": file({ x: entry(), y: entry() }),
    "data that overlap": file(
      { x: entry(), y: entry({ data_offsets: [4, 12] }) },
      new Uint8Array(12),
    ),
    "data between two tensors": file(
      { x: entry(), y: entry({ data_offsets: [9, 17] }) },
      new Uint8Array(17),
    ),
  };

  test.each(Object.entries(malformed))("refuses %s", (_, bytes) => {
    expect(() => decodeTensors(bytes)).toThrow(RangeError);
  });

  test("refuses a file cut anywhere", () => {
    const whole = encodeTensors(new Map([["x", tensor([1, 2])]]));
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeTensors(whole.subarray(0, length))).toThrow(RangeError);
    }
  });
});
