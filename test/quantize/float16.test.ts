import { expect, test } from "vitest";
import { resnet } from "../../src/models/index.ts";
import { encodeModel, parseModel } from "../../src/onnx/index.ts";
import { toFloat16 } from "../../src/quantize/float16.ts";
import { evaluate, relativeDifference } from "../graph/onnxruntime.ts";

test("a float16 graph takes and gives float32, and answers nearly as before", async () => {
  const graph = resnet({ depth: 8, widths: [4, 6, 8], shape: [3, 16, 16] });
  const half = toFloat16(graph);
  expect(half.inputs).toEqual(graph.inputs);
  expect(half.outputs.map(({ name, dtype }) => [name, dtype])).toEqual(
    graph.outputs.map(({ name }) => [name, "float32"]),
  );
  const input = { [graph.inputs[0]!.name]: [4, 3, 16, 16] };
  const output = graph.outputs[0]!.name;
  const [before, after] = [
    (await evaluate(graph, input))[output]!,
    (await evaluate(parseModel(encodeModel(half)), input))[output]!,
  ];
  const difference = relativeDifference(before, after);
  expect(difference).toBeLessThan(1e-2);
  expect(difference).toBeGreaterThan(0);
  const types = [...half.initializers.values()].map(({ dtype }) => dtype);
  expect(types).toContain("float16");
  expect(types).not.toContain("float32");
});
