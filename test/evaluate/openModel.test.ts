// Originals that ONNX Runtime refuses as files.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ModelError } from "../../src/errors.ts";
import { openModel } from "../../src/evaluate/openModel.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { TensorData } from "../../src/graph/graph.ts";
import { toFloat32Graph } from "../../src/graph/rewrites.ts";
import { fromNumbers, toNumbers } from "../../src/graph/tensorData.ts";
import { encodeModel, readModel } from "../../src/onnx/index.ts";
import { OnnxSession } from "../../src/runtime/index.ts";
import { int64 } from "../graph/graphs.ts";
import * as proto from "../onnx/protos.ts";

const folder = mkdtempSync(join(tmpdir(), "open-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function answerOf(session: OnnxSession, x: TensorData): Promise<number[]> {
  await using opened = session;
  const { y } = await opened.run({ x });
  return toNumbers(y!);
}

describe("openModel", () => {
  test("takes the sizes that lie in external data", async () => {
    const entries = { location: "sizes.bin", offset: "0", length: "16" };
    const external = Object.entries(entries).map(
      ([key, value]) => [13, proto.message([1, key], [2, value])] as const,
    );
    const sizes = proto.tensor("sizes", { type: 7, dims: [2] }, [14, 1], ...external);
    const path = join(folder, "sizes.onnx");
    writeFileSync(join(folder, "sizes.bin"), proto.bytesOf(BigInt64Array.of(2n, -1n)));
    writeFileSync(
      path,
      proto.model({
        graph: proto.graph({
          nodes: [proto.node("Reshape", ["x", "sizes"], ["y"])],
          inputs: [proto.value("x", [1, 6])],
          outputs: [proto.value("y", [2, 3])],
          initializers: [sizes],
        }),
      }),
    );
    await expect(OnnxSession.open(path)).rejects.toThrow("external");
    const read = await readModel(path);
    const session = await openModel(path, [() => read]);
    const x = fromNumbers("float32", [1, 6], [1, 2, 3, 4, 5, 6]);
    expect(await answerOf(session, x)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("counts padding before max pooling by its value, which ONNX Runtime's fusion does not", async () => {
    const build = new GraphBuilder();
    const pads = build.initializer("pads", int64(0, 0, 1, 1, 0, 0, 1, 1));
    const padded = build.node("Pad", [build.input("x", ["N", 1, 2, 2]), pads]);
    build.output(build.maxPool(padded, { kernel: 3, stride: 1, padding: 0 }), "y");
    const path = join(folder, "padded.onnx");
    writeFileSync(path, encodeModel(build.build()));
    const read = await readModel(path);
    const x = fromNumbers("float32", [1, 1, 2, 2], [-1, -2, -3, -4]);
    expect(await answerOf(await openModel(path, [], { graph: read }), x)).toEqual([0, 0, 0, 0]);
  });

  test("opens the graph where the file gives its scores to names of classes", async () => {
    const model = new GraphBuilder();
    model.output(model.relu(model.input("x", [1, 2])), "y");
    const read = model.build();
    const path = join(folder, "named.onnx");
    writeFileSync(path, encodeModel({ ...read, outputs: [{ ...read.outputs[0]!, name: "x" }] }));
    const session = await openModel(path, [() => read], { outputs: ["y"] });
    const x = fromNumbers("float32", [1, 2], [-1, 2]);
    expect(await answerOf(session, x)).toEqual([0, 2]);
  });

  test("opens the graph where the file asks for an input that it does without", async () => {
    const model = new GraphBuilder();
    const y = model.relu(model.input("x", [1, 2]));
    model.input("labels", [1]);
    model.output(y, "y");
    const file = model.build();
    const path = join(folder, "labelled.onnx");
    writeFileSync(path, encodeModel(file));
    const read = { ...file, inputs: file.inputs.slice(0, 1) };
    const x = fromNumbers("float32", [1, 2], [-1, 2]);
    const session = await openModel(path, [() => read], { graph: read });
    expect(await answerOf(session, x)).toEqual([0, 2]);
    const attempt = openModel(path, [], { graph: read });
    await expect(attempt).rejects.toThrow(/labelled\.onnx asks for the input "labels"/);
  });

  test("runs doubles in float32, and complains of the file where nothing runs", async () => {
    const build = new GraphBuilder();
    const x = build.input("x", ["N", 1, 2, 2]);
    const weight = build.initializer("w", fromNumbers("float64", [1, 1, 1, 1], [3]));
    build.output(build.node("Conv", [x, weight]), "y");
    const built = build.build();
    const info = <T>(value: T) => ({ ...value, dtype: "float64" as const });
    const file = { ...built, inputs: built.inputs.map(info), outputs: built.outputs.map(info) };
    const path = join(folder, "double.onnx");
    writeFileSync(path, encodeModel(file));
    const images = fromNumbers("float32", [1, 1, 2, 2], [1, 2, 3, 4]);
    const session = await openModel(path, [() => file, () => toFloat32Graph(file)]);
    expect(await answerOf(session, images)).toEqual([3, 6, 9, 12]);
    const attempt = openModel(path, [
      () => {
        throw new ModelError("another");
      },
    ]);
    await expect(attempt).rejects.toThrow(/double\.onnx.*Conv/);
  });
});
