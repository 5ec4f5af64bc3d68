import { describe, expect, test } from "vitest";
import { roundingOf } from "../../src/graph/rounding.ts";
import {
  fromFloat32,
  fromNumbers,
  pick,
  toFloat32,
  toNumbers,
  typedView,
} from "../../src/graph/tensorData.ts";

const bits16 = (dtype: "float16" | "bfloat16", ...values: number[]) => ({
  dtype,
  shape: [values.length],
  data: new Uint8Array(Uint16Array.from(values).buffer),
});

describe("tensor data", () => {
  test("round-trips numbers of every type", () => {
    for (const dtype of [
      "float32",
      "float64",
      "int8",
      "int32",
      "int64",
      "uint8",
      "bool",
    ] as const) {
      expect(toNumbers(fromNumbers(dtype, [3], [0, 1, 1]))).toEqual([0, 1, 1]);
    }
    expect(toNumbers(fromNumbers("int16", [2], [-3, 300]))).toEqual([-3, 300]);
  });

  test("saturates 64-bit integers", () => {
    const view = typedView(fromNumbers("int64", [3], [2 ** 63, -(2 ** 64), -1]));
    expect([...(view as BigInt64Array)]).toEqual([2n ** 63n - 1n, -(2n ** 63n), -1n]);
    const unsigned = typedView(fromNumbers("uint64", [2], [2 ** 65, -4]));
    expect([...(unsigned as BigUint64Array)]).toEqual([2n ** 64n - 1n, 0n]);
  });

  test("shares memory where it can", () => {
    const values = Float32Array.of(1, 2, 3);
    const tensor = fromFloat32([3], values);
    values[1] = 7;
    expect(toFloat32(tensor)[1]).toBe(7);
    expect(toFloat32(tensor).buffer).toBe(values.buffer);
  });

  test("copies bytes that are not aligned", () => {
    const bytes = new Uint8Array(9);
    bytes.set(new Uint8Array(Float32Array.of(1.5, -2).buffer), 1);
    expect(toNumbers({ dtype: "float32", shape: [2], data: bytes.subarray(1) })).toEqual([1.5, -2]);
  });

  test("decodes 16-bit floats", () => {
    const half = bits16("float16", 0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00, 0xfc00, 0x7e00);
    expect(toNumbers(half)).toEqual([1, -2, 65504, 2 ** -24, Infinity, -Infinity, NaN]);
    const brain = bits16("bfloat16", 0x3f80, 0xc000, 0x4049);
    expect([...toFloat32(brain)]).toEqual([1, -2, 3.140625]);
  });

  test("encodes 16-bit floats, rounding to even", () => {
    const bits = (dtype: "float16" | "bfloat16", ...values: number[]) => [
      ...(typedView(fromNumbers(dtype, [values.length], values)) as Uint16Array),
    ];
    const exact = [1, -2, 65504, 2 ** -24, 2 ** -14, Infinity, -Infinity, 0];
    expect(toNumbers(fromNumbers("float16", [8], exact))).toEqual(exact);
    expect(bits("float16", 1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 65520, -0, 2 ** -25)).toEqual([
      0x3c00, 0x3c02, 0x7bff, 0x7c00, 0x8000, 0,
    ]);
    expect(bits("float16", NaN, 0.1, 1 - 2 ** -20)).toEqual([0x7e00, 0x2e66, 0x3c00]);
    expect(bits("bfloat16", 1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, -Infinity, NaN)).toEqual([
      0x3f80, 0x3f80, 0x3f82, 0xff80, 0x7fc0,
    ]);
    const all = Array.from({ length: 0x7c00 }, (_, i) => i);
    expect(bits("float16", ...toNumbers(bits16("float16", ...all)))).toEqual(all);
  });

  test("picks elements by position", () => {
    const tensor = fromNumbers("int64", [2, 2], [1, 2, 3, 4]);
    expect(toNumbers(pick(tensor, [3, 0, 0], [3]))).toEqual([4, 1, 1]);
  });
});

describe("what numbers were rounded to before", () => {
  const rounding = (...values: number[]) => roundingOf(Float32Array.from(values));
  const none = { relative: 0, absolute: 0 };

  test("is told by their bits", () => {
    expect(rounding(1 + 2 ** -7, -3, 100, 0.0625)).toEqual({ relative: 2 ** -8, absolute: 0 });
    const half = { relative: 2 ** -11, absolute: 2 ** -25 };
    expect(rounding(1 + 2 ** -10, -65504, 3 * 2 ** -24, 0, 5)).toEqual(half);
    expect(rounding(1 + 2 ** -11, 2, 3, 5)).toEqual(none);
  });

  test("is not float16 beyond its largest number, and below its least", () => {
    expect(rounding(1 + 2 ** -10, 2, 3, 2 ** 17 * (1 + 2 ** -10))).toEqual(none);
    expect(rounding(1 + 2 ** -10, 2, 3, 2 ** -26 * (1 + 2 ** -10))).toEqual(none);
  });

  test("is half a step of int8 where all are whole steps, the largest 127", () => {
    const { relative, absolute } = rounding(-1.27, 0.5, 0.03, 0, 0.9);
    expect([relative, absolute]).toEqual([0, expect.closeTo(0.005, 8)]);
    expect(rounding(-1.27, 0.5, 0.034, 0.9)).toEqual(none);
    // Far below the largest and not 0, as steps of int8 would have made them.
    expect(rounding(1, 1e-7, 2e-7, 3e-7)).toEqual(none);
  });

  test("is not told by fewer than four sizes", () => {
    expect(rounding(1.27, -1.27, 0.5, -0.5, 0.03, 0)).toEqual(none);
    expect(rounding(1, 2, 3)).toEqual(none);
  });
});
