import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ModelError, ResourceError } from "../../src/errors.ts";
import type { TensorData } from "../../src/graph/graph.ts";
import { fromFloat32, fromNumbers, toFloat32, toNumbers } from "../../src/graph/tensorData.ts";
import { OnnxSession } from "../../src/runtime/index.ts";
import { missingRuntime } from "../../src/runtime/process.ts";
import * as proto from "../onnx/protos.ts";
import { isAlive } from "../processes.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deepobf-runtime-"));
});
afterAll(() => rm(folder, { recursive: true }));

const elementTypes = { float32: 1, int64: 7, bool: 9, float16: 10 };

const modelOf = (parts: proto.GraphProtoParts, functions: readonly Uint8Array[] = []) =>
  proto.model({
    graph: proto.graph(parts),
    opsets: [proto.opset("", 17), proto.opset("local", 1)],
    functions,
  });

/** `depth` local functions, each of which calls the next one: ONNX Runtime overflows its stack. */
function functionChain(depth: number): Uint8Array {
  const call = (index: number) => proto.node(`f${index}`, ["x"], ["y"], { domain: "local" });
  const functions = Array.from({ length: depth }, (_, index) =>
    proto.functionProto(`f${index}`, {
      inputs: ["x"],
      outputs: ["y"],
      nodes: [index === depth - 1 ? proto.node("Relu", ["x"], ["y"]) : call(index + 1)],
    }),
  );
  const [inputs, outputs] = [[proto.value("x", [1])], [proto.value("y", [1])]];
  return modelOf({ nodes: [call(0)], inputs, outputs }, functions);
}

/** y = x·w for x [batch, 2] and w = [[1, 2, 3], [10, 20, 30]]. */
const product = modelOf({
  nodes: [proto.node("MatMul", ["x", "w"], ["y"])],
  inputs: [proto.value("x", ["batch", 2])],
  outputs: [proto.value("y", ["batch", 3])],
  initializers: [proto.tensor("w", { dims: [2, 3] }, [9, proto.floats(1, 2, 3, 10, 20, 30)])],
});

function identity(
  shape: readonly (number | string)[],
  type: keyof typeof elementTypes = "float32",
) {
  return modelOf({
    nodes: [proto.node("Identity", ["x"], ["y"])],
    inputs: [proto.value("x", shape, elementTypes[type])],
    outputs: [proto.value("y", shape, elementTypes[type])],
  });
}

/** A loop of 2^62 turns. */
const endless = (() => {
  const body = proto.message(
    [1, proto.node("Identity", ["condition_in"], ["condition_out"])],
    [1, proto.node("Sin", ["state_in"], ["state_out"])],
    [2, "body"],
    [11, proto.value("turn", [], elementTypes.int64)],
    [11, proto.value("condition_in", [], elementTypes.bool)],
    [11, proto.value("state_in", [1])],
    [12, proto.value("condition_out", [], elementTypes.bool)],
    [12, proto.value("state_out", [1])],
  );
  const attribute = proto.attribute("body", 5, [6, body]);
  return modelOf({
    nodes: [proto.node("Loop", ["turns", "", "x"], ["y"], { attributes: [attribute] })],
    inputs: [proto.value("x", [1]), proto.value("turns", [], elementTypes.int64)],
    outputs: [proto.value("y", [1])],
  });
})();

const endlessFeeds: Record<string, TensorData> = {
  x: fromFloat32([1], Float32Array.of(0.5)),
  turns: fromNumbers("int64", [], [2 ** 62]),
};

describe("a session", () => {
  test("computes and reports its signature, from bytes and from a file", async () => {
    const path = join(folder, "a model with spaces é.onnx");
    await writeFile(path, product);
    for (const source of [product, path]) {
      await using session = await OnnxSession.open(source, { threads: 1 });
      expect(session.inputs).toEqual([{ name: "x", dtype: "float32", shape: ["batch", 2] }]);
      expect(session.outputs).toEqual([{ name: "y", dtype: "float32", shape: ["batch", 3] }]);
      const x = fromFloat32([2, 2], Float32Array.of(1, 1, 2, -1));
      const { y } = await session.run({ x });
      expect(y?.shape).toEqual([2, 3]);
      expect([...toFloat32(y!)]).toEqual([11, 22, 33, -8, -16, -24]);
    }
  });

  test("passes other element types and unaligned bytes", async () => {
    await using integers = await OnnxSession.open(identity([2], "int64"));
    const { y } = await integers.run({ x: fromNumbers("int64", [2], [-5, 2 ** 40]) });
    expect(toNumbers(y!)).toEqual([-5, 2 ** 40]);

    await using halves = await OnnxSession.open(identity([1], "float16"));
    const half: TensorData = { dtype: "float16", shape: [1], data: Uint8Array.of(0, 0x3c) };
    expect(toNumbers((await halves.run({ x: half })).y!)).toEqual([1]);

    await using floats = await OnnxSession.open(product);
    const bytes = new Uint8Array(9);
    bytes.set(new Uint8Array(Float32Array.of(3, 0).buffer), 1);
    const x: TensorData = { dtype: "float32", shape: [1, 2], data: bytes.subarray(1) };
    expect([...toFloat32((await floats.run({ x })).y!)]).toEqual([3, 6, 9]);
  });

  test("passes batches larger than one piece, and empty ones", async () => {
    await using session = await OnnxSession.open(identity(["n"]));
    const values = Float32Array.from({ length: 9_000_000 }, (_, index) => index);
    const { y } = await session.run({ x: fromFloat32([values.length], values) });
    expect(Buffer.compare(y!.data, new Uint8Array(values.buffer))).toBe(0);
    expect((await session.run({ x: fromFloat32([0], new Float32Array()) })).y?.shape).toEqual([0]);
  });

  test("answers requests made at once in their order", async () => {
    await using session = await OnnxSession.open(identity(["n"]));
    const runs = [1, 2, 3, 4].map((value) =>
      session.run({ x: fromFloat32([1], Float32Array.of(value)) }),
    );
    const results = await Promise.all(runs);
    expect(results.map(({ y }) => toFloat32(y!)[0])).toEqual([1, 2, 3, 4]);
  });

  test("measures latency, alone and in turns", async () => {
    await using first = await OnnxSession.open(product, { threads: 1 });
    await using second = await OnnxSession.open(identity([1, 2]), { threads: 1 });
    expect(await first.latency({ batch: 4, seconds: 0.05 })).toBeGreaterThan(0);
    const times = await OnnxSession.compareLatency(first, second, { batch: 64, seconds: 0.2 });
    // The second model takes one image at a time, so a batch of 64 is 64 runs.
    expect(times[1]).toBeGreaterThan(times[0]);
  });

  test("wants sizes that the file leaves open, and takes them", async () => {
    await using session = await OnnxSession.open(identity(["n", "height"]), { name: "a.onnx" });
    await expect(session.latency({ batch: 2, seconds: 0.01 })).rejects.toThrow(
      'input "x" of a.onnx has the open shape [n, height]',
    );
    expect(await session.latency({ batch: 2, shape: [7], seconds: 0.01 })).toBeGreaterThan(0);
  });
});

describe("a refused model", () => {
  const unknown = modelOf({
    nodes: [proto.node("Frobnicate", ["x"], ["y"])],
    inputs: [proto.value("x", [1])],
    outputs: [proto.value("y", [1])],
  });
  test.each([
    ["not ONNX", Buffer.from("this is no model"), /Failed to load model/],
    ["empty", new Uint8Array(0), /Model data pointer is null/],
    ["cut short", product.subarray(0, product.length - 40), /Failed to load model|invalid/i],
    ["with an unknown operator", unknown, /Frobnicate/],
  ])("%s", async (_, bytes, cause) => {
    const failure = await OnnxSession.open(bytes, { name: "bad.onnx" }).catch((error) => error);
    expect(failure).toBeInstanceOf(ModelError);
    expect(failure.message).toMatch(/^ONNX Runtime refuses bad\.onnx when loading it: /);
    expect(failure.message).toMatch(cause);
    expect(failure.message).not.toMatch(/\n/);
  });

  test("that is missing, or a folder", async () => {
    const missing = OnnxSession.open(join(folder, "none.onnx"));
    await expect(missing).rejects.toThrow(/refuses none\.onnx .*File doesn't exist/);
    await expect(OnnxSession.open(folder)).rejects.toThrow(ModelError);
  });

  test("on input that does not fit, and goes on afterwards", async () => {
    await using session = await OnnxSession.open(product, { name: "p.onnx" });
    const run = (x: TensorData) => session.run({ x });
    await expect(run(fromFloat32([1, 3], new Float32Array(3)))).rejects.toThrow(
      /refuses p\.onnx when running it: .*invalid dimensions/,
    );
    await expect(run(fromNumbers("int64", [1, 2], [1, 2]))).rejects.toThrow(ModelError);
    await expect(run({ dtype: "bfloat16", shape: [2], data: new Uint8Array(4) })).rejects.toThrow(
      'input "x" has the element type bfloat16',
    );
    await expect(session.run({})).rejects.toThrow(/'x' is missing/);
    const { y } = await run(fromFloat32([1, 2], Float32Array.of(1, 0)));
    expect([...toFloat32(y!)]).toEqual([1, 2, 3]);
  });
});

describe("a process that ends", () => {
  test("by a segmentation fault of ONNX Runtime", async () => {
    const model = functionChain(3000);
    const failure = await OnnxSession.open(model, { name: "deep.onnx" }).catch((error) => error);
    expect(failure).toBeInstanceOf(ModelError);
    expect(failure.message).toContain(
      "ONNX Runtime crashed when loading deep.onnx: its process was ended by SIGSEGV",
    );
  });

  test("because it takes more memory than there is", async () => {
    const model = modelOf({
      nodes: [
        proto.node("ConstantOfShape", ["shape"], ["zeros"]),
        proto.node("ReduceSum", ["zeros"], ["y"]),
      ],
      inputs: [proto.value("shape", [1], elementTypes.int64)],
      outputs: [proto.value("y", [1])],
    });
    await using session = await OnnxSession.open(model);
    const limits = readFileSync(`/proc/${session.pid}/limits`, "utf8");
    const limit = Number(/Max data size +(\d+)/.exec(limits)?.[1]);
    expect(limit).toBeLessThan(totalmem());
    const shape = fromNumbers("int64", [1], [2 ** 38]);
    await expect(session.run({ shape })).rejects.toThrow(ModelError);
  });

  test("because it was killed, while idle or at work", async () => {
    const session = await OnnxSession.open(endless, { name: "loop.onnx" });
    const run = session.run(endlessFeeds);
    setTimeout(() => process.kill(session.pid!, "SIGKILL"), 200);
    await expect(run).rejects.toThrow(
      "crashed when running loop.onnx: its process was ended by SIGKILL; most likely memory ran out",
    );
    await expect(session.run(endlessFeeds)).rejects.toThrow(ModelError);
    await session.close();
  });

  test("because time is up", async () => {
    const session = await OnnxSession.open(endless, { name: "loop.onnx", timeoutSeconds: 1 });
    await expect(session.run(endlessFeeds)).rejects.toThrow(
      "ONNX Runtime did not finish running loop.onnx within 1 s of processor time",
    );
    await session.close();
    expect(isAlive(session.pid!)).toBe(false);
  });

  test("because it was closed", async () => {
    const session = await OnnxSession.open(endless);
    const run = session.run(endlessFeeds);
    const rejection = expect(run).rejects.toThrow("session of the model is closed");
    await sleep(100);
    await session.close();
    await rejection;
    expect(isAlive(session.pid!)).toBe(false);
  });

  test.each(["idle", "at work"])("because its parent was killed, %s", async (state) => {
    const path = join(folder, "loop.onnx");
    await writeFile(path, endless);
    const parent = spawn(process.execPath, ["--input-type=module", "-e", parentScript(state)], {
      env: { ...process.env, MODEL: path },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const pid = Number(await firstLine(parent));
    await sleep(200);
    expect(isAlive(pid)).toBe(true);
    parent.kill("SIGKILL");
    await expect.poll(() => isAlive(pid), { timeout: 5000 }).toBe(false);
  });
});

test("a machine without ONNX Runtime gets a remedy", () => {
  const error = missingRuntime("Cannot find package 'onnxruntime-node'");
  expect(error).toBeInstanceOf(ResourceError);
  expect(error.message).toContain("npm install --ignore-scripts onnxruntime-node@");
});

test("a session left open does not keep the program alive", () => {
  const script = `
    const { OnnxSession } = await import(${JSON.stringify(builtIndex)});
    await OnnxSession.open(Buffer.from(process.env.MODEL, "base64"));
    console.log("end");`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    env: { ...process.env, MODEL: Buffer.from(product).toString("base64") },
    encoding: "utf8",
    timeout: 60_000,
  });
  expect(output).toBe("end\n");
});

const builtIndex = new URL("../../dist/runtime/index.js", import.meta.url).href;

function parentScript(state: string): string {
  return `
    const { OnnxSession } = await import(${JSON.stringify(builtIndex)});
    const session = await OnnxSession.open(process.env.MODEL);
    const int64 = new Uint8Array(new BigInt64Array([2n ** 62n]).buffer);
    if (${state === "at work"}) session.run({
      x: { dtype: "float32", shape: [1], data: new Uint8Array(4) },
      turns: { dtype: "int64", shape: [], data: int64 },
    });
    console.log(session.pid);
    setInterval(() => {}, 1000);`;
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => child.stdout!.once("data", (text) => resolve(String(text))));
}
