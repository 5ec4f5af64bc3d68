// Files of kinds that run on both sides, or on neither.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { checkModel } from "../../src/evaluate/check.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { fromNumbers } from "../../src/graph/tensorData.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import { float32, graph, node } from "../graph/graphs.ts";
import { encodeOwn } from "../graph/onnxruntime.ts";

const folder = mkdtempSync(join(tmpdir(), "check-"));
afterAll(() => rmSync(folder, { recursive: true }));

const save = (name: string, bytes: Uint8Array) => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

const layer = (batch: number): Graph =>
  graph({
    inputs: { x: [batch, 2, 3, 3] },
    initializers: { w: float32([1, 2, 1, 1], [1, -1]) },
    nodes: [node("Conv", ["x", "w"], "y")],
    outputs: ["y"],
  });

test("what ONNX Runtime's optimizer fused is checked as it is", async () => {
  const plain = layer(2);
  const [conv] = plain.nodes;
  const activation = { type: "string", value: "Relu" } as const;
  const fused = {
    ...conv!,
    operator: "FusedConv",
    domain: "com.microsoft",
    attributes: { activation },
  };
  const model = save("fused.onnx", encodeOwn({ ...plain, nodes: [fused] }));
  const { maxAbsDiff, outputs } = await checkModel({ model });
  expect(outputs).toMatchObject([{ name: "y", shape: [2, 1, 3, 3] }]);
  expect(maxAbsDiff).toBeLessThan(1e-5);
});

test("a file that takes no image is refused, since nothing would be compared", async () => {
  const model = save("empty.onnx", encodeModel(layer(0)));
  await expect(checkModel({ model })).rejects.toThrow(
    /input "x" \[0, 2, 3, 3\] holds no number.*torch\.onnx\.export/s,
  );
});

test("a file that is told by an input whether it trains is checked in inference", async () => {
  const dropout = graph({
    inputs: { x: [1, 64], training_mode: { dtype: "bool", shape: [] } },
    initializers: { ratio: float32([], [0.5]) },
    nodes: [node("Dropout", ["x", "ratio", "training_mode"], "y")],
    outputs: ["y"],
  });
  const model = save("dropout.onnx", encodeModel(dropout));
  for (const seed of [0, 1, 2, 3]) {
    expect(await checkModel({ model, seed })).toMatchObject({ maxAbsDiff: 0 });
  }
});

test.each(["bfloat16", "float64"] as const)(
  "what ONNX Runtime refuses in %s is compared in float32",
  async (dtype) => {
    const plain = layer(2);
    const file = {
      ...plain,
      inputs: plain.inputs.map((info) => ({ ...info, dtype })),
      initializers: new Map([["w", fromNumbers(dtype, [1, 2, 1, 1], [1, -1])]]),
      outputs: plain.outputs.map((info) => ({ ...info, dtype })),
      opset: 22,
    };
    const model = save(`${dtype}.onnx`, encodeModel(file));
    expect(await checkModel({ model })).toMatchObject({
      isStandIn: true,
      outputs: [{ name: "y", shape: [2, 1, 3, 3] }],
    });
    const own = save("float32.onnx", encodeModel(plain));
    expect(await checkModel({ model: own })).toMatchObject({ isStandIn: false });
  },
);
