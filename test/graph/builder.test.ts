import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { toFloat32 } from "../../src/graph/tensorData.ts";
import { evaluate } from "./onnxruntime.ts";

function small(seed = 0) {
  const build = new GraphBuilder({ name: "small", seed });
  const image = build.input("image", ["N", 3, 8, 8]);
  const conv = build.conv(image, { name: "conv1", outputs: 4, kernel: 3, padding: 1, bias: true });
  const x = build.relu(build.batchNorm(conv, { name: "bn1" }));
  const wide = build.concat([x, build.add(x, x)]);
  const pooled = build.flatten(build.globalAveragePool(build.maxPool(wide, { kernel: 2 })));
  build.output(build.linear(pooled, { name: "fc", outputs: 5 }), "logits");
  return build.build();
}

describe("builder", () => {
  test("names parameters by the path that built them", () => {
    expect([...small().initializers.keys()]).toEqual([
      "conv1.weight",
      "conv1.bias",
      "bn1.weight",
      "bn1.bias",
      "bn1.running_mean",
      "bn1.running_var",
      "fc.weight",
      "fc.bias",
    ]);
  });

  test("gives each tensor one name and the outputs theirs", () => {
    const { nodes, outputs } = small();
    const names = nodes.flatMap((node) => node.outputs);
    expect(new Set(names).size).toBe(names.length);
    expect(names.at(-1)).toBe("logits");
    expect(outputs).toEqual([{ name: "logits", dtype: "float32", shape: ["N", 5] }]);
    expect(inferShapes(small(), new Map([["image", [7, 3, 8, 8]]])).get("logits")?.shape).toEqual([
      7, 5,
    ]);
  });

  test("builds what ONNX Runtime runs", async () => {
    const { logits } = await evaluate(small(), { image: [2, 3, 8, 8] });
    expect(logits?.shape).toEqual([2, 5]);
    expect(logits?.values.every(Number.isFinite)).toBe(true);
  });

  test("draws weights by seed and name alone", () => {
    const weights = (seed: number) => toFloat32(small(seed).initializers.get("fc.weight")!);
    expect(weights(0)).toEqual(weights(0));
    expect(weights(0)).not.toEqual(weights(1));
    expect(Math.max(...weights(0).map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(8));
  });

  test("refuses layers that do not fit", () => {
    const build = new GraphBuilder();
    const x = build.input("x", ["N", 3, 4, 4]);
    expect(() => build.conv(x, { name: "c", outputs: 4, kernel: 5 })).toThrow(/window is larger/);
    expect(() => build.linear(x, { name: "fc", outputs: 4 })).toThrow(/must be matrices/);
  });
});
