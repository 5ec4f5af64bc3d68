// Linear classifiers of ai.onnx.ml become linear layers, against ONNX Runtime on the file.
import { describe, expect, test } from "vitest";
import type { Graph } from "../../src/graph/graph.ts";
import { dropTails } from "../../src/graph/rewrites.ts";
import { fromFloat32, typedView } from "../../src/graph/tensorData.ts";
import { graph, node } from "./graphs.ts";
import { encodeOwn, evaluate, randomInput, relativeDifference, runModel } from "./onnxruntime.ts";

const coefficients = [0.5, -1.25, 2.5, 0.75, -0.5, 1.5, -2.25, 0.25, 1.75, -1.5, 0.125, 2.75];
const features = [5, 4] as const;

function classifier(attributes: Record<string, string | readonly number[]>): Graph {
  const layer = node("LinearClassifier", ["x"], ["label", "scores"], {
    coefficients,
    intercepts: [0.25, -0.5, 1.25],
    classlabels_ints: [3, 5, 7],
    ...attributes,
  });
  const file = graph({
    inputs: { x: ["N", 4] },
    nodes: [{ ...layer, domain: "ai.onnx.ml" }],
    outputs: ["label", "scores"],
  });
  const [label, scores] = file.outputs;
  return { ...file, outputs: [{ ...label!, dtype: "int64" }, scores!] };
}

describe("LinearClassifier", () => {
  test.each(["NONE", "SOFTMAX", "LOGISTIC"])("gives its scores with %s", async (transform) => {
    const file = classifier({ post_transform: transform });
    const { shape, values } = randomInput("x", features);
    const { scores } = await runModel(encodeOwn(file), { x: fromFloat32(shape, values) });
    const plain = dropTails(file);
    expect(plain.outputs.map(({ name }) => name)).toEqual(["scores"]);
    const ours = await evaluate(plain, { x: features });
    const theirs = { shape: scores!.shape, values: typedView(scores!) as Float32Array };
    expect(relativeDifference(theirs, ours.scores!)).toBeLessThan(1e-6);
  });

  test.each([
    ["one row for two classes", { coefficients: [1.5, 2, 3, 4], intercepts: [0.5] }],
    ["another transform", { post_transform: "PROBIT" }],
    ["rows that are not of one length", { coefficients: [1.5, 2, 3, 4] }],
  ])("stays where it has %s", (_, attributes) => {
    const file = classifier(attributes);
    expect(dropTails(file)).toEqual(file);
  });
});
