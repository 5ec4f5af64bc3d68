// Faults below the readers: of the file system, of memory, and bugs, which must stay bugs.
import { mkdirSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { describe, expect, test, vi } from "vitest";
import { ModelError, ResourceError } from "../../src/errors.ts";
import { ExternalData } from "../../src/onnx/external.ts";
import { StringStringEntryProtoSchema } from "../../src/onnx/generated/onnx_pb.ts";
import { parseModel } from "../../src/onnx/index.ts";
import { workshop } from "../workshop.ts";
import { model } from "./protos.ts";

const fault: { check?: () => void; read?: () => number } = {};

vi.mock("../../src/onnx/wire.ts", async (original) => {
  const real = await original<typeof import("../../src/onnx/wire.ts")>();
  const checkWire: typeof real.checkWire = (...all) =>
    (fault.check ?? (() => real.checkWire(...all)))();
  return { ...real, checkWire };
});
vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  const readSync = (...all: Parameters<typeof real.readSync>) =>
    fault.read ? fault.read() : real.readSync(...all);
  return { ...real, readSync };
});

const path = workshop();

function failureOf(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    delete fault.check;
    delete fault.read;
  }
}

/** What an error of a step below becomes. */
function becoming(error: Error): unknown {
  fault.check = () => {
    throw error;
  };
  return failureOf(() => parseModel(model(), { name: "m.onnx" }));
}

describe("a fault while a file is read", () => {
  test("of memory is one of resources", () => {
    const told = becoming(new RangeError("Array buffer allocation failed"));
    expect(told).toBeInstanceOf(ResourceError);
    expect((told as Error).message).toBe("m.onnx: not enough memory to read it");
  });

  test("that is a bug stays one", () => {
    for (const bug of [new TypeError("x is not a function"), new RangeError("Invalid count")]) {
      expect(becoming(bug)).toBe(bug);
    }
  });

  test("that only the decoder finds is the file's", () => {
    fault.check = () => {};
    const told = failureOf(() => parseModel(new Uint8Array(12).fill(0xff)));
    expect(told).toBeInstanceOf(ModelError);
    expect((told as Error).message).toMatch(/^model: the file is damaged or not ONNX/);
  });
});

describe("a fault while external data are read", () => {
  const folder = path("data/.").replace(/\.$/, "");
  const located = (value: string) => [
    create(StringStringEntryProtoSchema, { key: "location", value }),
  ];
  const read = () => new ExternalData(folder).read(located("w"), 4, "w");

  test("is told with its code", () => {
    mkdirSync(folder, { recursive: true });
    path("data/w", "1234");
    expect(Buffer.from(read()).toString()).toBe("1234");
    fault.read = () => {
      throw Object.assign(new Error("input/output error"), { code: "EIO" });
    };
    expect(String(failureOf(read))).toMatch(/cannot be read \(EIO\)/);
    fault.read = () => 0;
    expect(String(failureOf(read))).toMatch(/became shorter while it was read/);
  });

  test("may be in the root of the file system", () => {
    const below = new ExternalData("/");
    expect(failureOf(() => below.read(located("etc"), 4, "w"))).toBeInstanceOf(ModelError);
  });
});
