import { expect, test } from "vitest";
import { fromNumbers } from "../../src/graph/tensorData.ts";
import { resnet } from "../../src/models/index.ts";
import { encodeModel, parseModel } from "../../src/onnx/index.ts";
import { toFloat16 } from "../../src/quantize/float16.ts";
import { graph, int64, node } from "../graph/graphs.ts";
import { evaluate, relativeDifference } from "../graph/onnxruntime.ts";

test("a float16 graph takes and gives float32, and answers nearly as before", async () => {
  const model = resnet({ depth: 8, widths: [4, 6, 8], shape: [3, 16, 16] });
  const half = toFloat16(model);
  expect(half.inputs).toEqual(model.inputs);
  expect(half.outputs.map(({ name, dtype }) => [name, dtype])).toEqual(
    model.outputs.map(({ name }) => [name, "float32"]),
  );
  const input = { [model.inputs[0]!.name]: [4, 3, 16, 16] };
  const output = model.outputs[0]!.name;
  const [before, after] = [
    (await evaluate(model, input))[output]!,
    (await evaluate(parseModel(encodeModel(half)), input))[output]!,
  ];
  const difference = relativeDifference(before, after);
  expect(difference).toBeLessThan(1e-2);
  expect(difference).toBeGreaterThan(0);
  const types = [...half.initializers.values()].map(({ dtype }) => dtype);
  expect(types).toContain("float16");
  expect(types).not.toContain("float32");
});

test("what nodes make of their own becomes float16, too", async () => {
  const one = { type: "tensor", value: fromNumbers("float32", [1], [2]) } as const;
  const model = graph({
    inputs: { x: ["N", 4] },
    initializers: { sizes: int64(4) },
    nodes: [
      node("Shape", ["x"], "s", { start: 1 }),
      node("Cast", ["s"], "four", { to: 1 }),
      node("ConstantOfShape", ["sizes"], "twos", { value: one }),
      node("Mul", ["x", "four"], "m"),
      node("Mul", ["m", "twos"], "y"),
    ],
    outputs: ["y"],
  });
  const x = { x: [3, 4] };
  const [before, after] = [
    await evaluate(model, x),
    await evaluate(parseModel(encodeModel(toFloat16(model))), x),
  ];
  expect(relativeDifference(Object.values(before)[0]!, Object.values(after)[0]!)).toBeLessThan(
    1e-2,
  );
});

test("no tensor gets a name that the file has", async () => {
  const model = graph({
    inputs: { x: ["N", 4] },
    nodes: [node("Relu", ["x"], "x.half")],
    outputs: ["x.half"],
  });
  const x = { shape: [1, 4], values: Float32Array.of(-1, 0, 0.5, 2) };
  const answers = await evaluate(parseModel(encodeModel(toFloat16(model))), { x });
  expect([...answers["x.half"]!.values]).toEqual([0, 0, 0.5, 2]);
});
