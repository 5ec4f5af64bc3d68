// That a file ships only where it computes what was trained.
import { expect, test } from "vitest";
import { loadData } from "../../src/data/index.ts";
import { ModelError } from "../../src/errors.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { fromFloat32 } from "../../src/graph/tensorData.ts";
import { verify } from "../../src/obfuscate/verify.ts";
import { workshop } from "../workshop.ts";
import { tinyResnet, writeData, writeTiny } from "./tiny.ts";

const file = workshop();
const largest = 100;

/** The network with biases that make the first logit of any image the largest, of this size to a percent or so. */
function withLargestLogit(size: number): Graph {
  const graph = tinyResnet();
  const bias = graph.nodes.at(-1)!.inputs[2]!;
  const values = fromFloat32([4], Float32Array.of(size, 0, 0, 0));
  return { ...graph, initializers: new Map([...graph.initializers, [bias, values]]) };
}

/** Verifies a file against a network whose first logit differs by this part of the largest one. */
async function verifyBeside(difference: number) {
  const graph = withLargestLogit(largest);
  const path = writeTiny(file("model.onnx"), graph);
  return await verify(
    { path, layout: "NCHW", graph },
    { path, graph },
    {
      ...(await loadData(writeData(file("data")))),
      mean: [0.5],
      std: [0.5],
      trained: withLargestLogit(largest * (1 + difference)),
      threads: 1,
      fileBatch: undefined,
      predictions: file("predictions.json"),
      onProgress: () => {},
    },
  );
}

test("a file that answers otherwise than what was trained is refused, with how far they are apart", async () => {
  const refused = verifyBeside(3e-4);
  await expect(refused).rejects.toThrow(ModelError);
  await expect(refused).rejects.toThrow(
    /^model\.onnx differs in ONNX Runtime from the network in training by 0\.0003\d* of the largest logit, more than 0\.0001$/,
  );
});

test("what rounding explains is let pass, and told", async () => {
  const { verify: told } = await verifyBeside(3e-5);
  expect(told.maxRelDiff).toBeGreaterThan(2e-5);
  expect(told.maxRelDiff).toBeLessThan(4e-5);
});
