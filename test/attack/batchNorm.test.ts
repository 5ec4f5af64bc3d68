// Batch norm put back: the network's answers stay, and channels have unit scale on the pirate's images.
import { describe, expect, test } from "vitest";
import { bareConvolutions, withBatchNorm } from "../../src/attack/batchNorm.ts";
import { measureMoments } from "../../src/attack/moments.ts";
import { Batches, type Dataset, hostBatches } from "../../src/data/index.ts";
import { Network } from "../../src/engine/index.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { fromFloat32, fromNumbers, toFloat32, toNumbers } from "../../src/graph/tensorData.ts";
import { densenet } from "../../src/models/index.ts";
import { scope, tensor } from "../../src/torch/index.ts";
import { attributes } from "../graph/graphs.ts";
import { evaluate, relativeDifference } from "../graph/onnxruntime.ts";
import { chain, folded, images, noise, original, rescaled, trained } from "./pair.ts";

const normalization = { mean: [0.4], std: [0.3] };

async function putBack(graph: Graph, dataset = images): Promise<Graph> {
  using batches = new Batches(dataset, { ...normalization, seed: 0, batch: 20 });
  const bare = bareConvolutions(graph);
  return withBatchNorm(
    graph,
    await measureMoments(graph, bare, { batches, device: "cpu", onBatch() {} }),
  );
}

const input = (graph: Graph) => ({ [graph.inputs[0]!.name]: [5, 1, 8, 8] });

async function difference(first: Graph, second: Graph): Promise<number> {
  const [a, b] = [await evaluate(first, input(first)), await evaluate(second, input(second))];
  return relativeDifference(Object.values(a)[0]!, Object.values(b)[0]!);
}

const norms = (graph: Graph) =>
  graph.nodes.filter(({ operator }) => operator === "BatchNormalization");

describe("batch norm put back", () => {
  test.each([
    ["a sealed chain", chain, 3],
    ["a chain with scales over six orders of magnitude", rescaled(chain), 3],
    ["a chain with scales of 1e20", rescaled(chain, () => 20), 3],
    ["a chain with scales of 1e-23", rescaled(chain, () => -23), 3],
    ["a folded residual network", folded, 7],
  ])("behind every convolution of %s changes no answer", async (_, graph, convolutions) => {
    expect(norms(graph)).toHaveLength(0);
    const restored = await putBack(graph);
    expect(norms(restored)).toHaveLength(convolutions);
    expect(bareConvolutions(restored)).toEqual([]);
    expect(await difference(graph, restored)).toBeLessThan(1e-5);
  });

  test("changes nothing where every convolution has one, or its reader does", async () => {
    expect(await putBack(original)).toEqual(original);
    const dense = trained(densenet({ shape: [3, 16, 16], depth: 10, growth: 4 }));
    expect(bareConvolutions(dense)).toEqual([]);
  });

  test.each([
    ["over six orders", undefined],
    ["of 1e20", () => 20],
    ["of 1e-23", () => -23],
  ])(
    "gives the channels of a chain unit scale, whatever scales were between its layers: %s",
    async (_, exponentOf) => {
      const restored = await putBack(rescaled(chain, exponentOf));
      const plain = await putBack(chain);
      for (const { inputs } of norms(restored)) {
        const [, scale, , , variance] = inputs.map((name) => restored.initializers.get(name));
        const values = toNumbers(variance!);
        values.forEach((value, channel) => {
          if (value > 0) expect(value).toBeCloseTo(1, 4);
          else expect(toNumbers(scale!)[channel]).toBeCloseTo(Math.sqrt(1e-5), 6);
        });
      }
      for (const [name, value] of plain.initializers) {
        const other = toNumbers(restored.initializers.get(name)!);
        const differences = toNumbers(value).map((x, i) => Math.abs(other[i]! - x));
        expect(Math.max(...differences)).toBeLessThan(1e-3);
      }
    },
  );

  test("makes a training step see what inference sees, on images of the same kind", async () => {
    const graph = await putBack(chain);
    using network = new Network(graph);
    const { shape, values } = await normalized(images);
    scope(() => {
      const x = tensor(values, { shape });
      const answers = [false, true].map((training) => {
        const [logits] = Object.values(
          network.forward({ [graph.inputs[0]!.name]: x }, { training }),
        );
        return { shape: logits!.shape, values: Float32Array.from(logits!.numbers()) };
      });
      expect(relativeDifference(answers[0]!, answers[1]!)).toBeLessThan(1e-3);
    });
  });

  test("changes no answer where two convolutions share their weights", async () => {
    const build = new GraphBuilder({ seed: 4 });
    const image = build.input("image", ["N", 1, 8, 8]);
    const conv = (x: string, name: string, outputs: number) =>
      build.conv(x, { name, outputs, kernel: 3, padding: 1, bias: true });
    const map = build.relu(conv(image, "first", 4));
    const shared = build.relu(conv(map, "shared", 4));
    const again = build.relu(
      build.node("Conv", [shared, "shared.weight", "shared.bias"], {
        attributes: attributes({ pads: [1, 1, 1, 1] }),
      }),
    );
    const rows = build.flatten(build.globalAveragePool(conv(again, "last", 3)));
    build.output(build.linear(rows, { name: "fc", outputs: 4 }), "logits");
    const graph = build.build();
    const restored = await putBack(graph);
    expect(norms(restored)).toHaveLength(4);
    expect(await difference(graph, restored)).toBeLessThan(1e-5);
  });

  test("leaves a convolution over one axis alone, such as that of ECA's attention", async () => {
    const build = new GraphBuilder({ seed: 4 });
    const image = build.input("image", ["N", 1, 8, 8]);
    const map = build.conv(image, { name: "conv", outputs: 6, kernel: 3, bias: true });
    const reshaped = (x: string, sizes: number[]) =>
      build.node("Reshape", [
        x,
        build.initializer(`sizes${sizes.length}`, fromNumbers("int64", [sizes.length], sizes)),
      ]);
    const weight = build.initializer("eca", fromFloat32([1, 1, 3], Float32Array.of(0.2, 0.5, 0.3)));
    const pooled = reshaped(build.globalAveragePool(map), [0, 1, 6]);
    const gate = build.node("Conv", [pooled, weight], { attributes: attributes({ pads: [1, 1] }) });
    const scaled = build.node("Mul", [map, reshaped(build.node("Sigmoid", [gate]), [0, 6, 1, 1])]);
    const rows = build.flatten(build.globalAveragePool(scaled));
    build.output(build.linear(rows, { name: "fc", outputs: 4 }), "logits");
    const graph = build.build();
    const restored = await putBack(graph);
    expect(norms(restored)).toHaveLength(1);
    expect(await difference(graph, restored)).toBeLessThan(1e-5);
  });

  test("leaves channels alone that are constant on the pirate's images", async () => {
    const initializers = new Map(chain.initializers);
    const weight = chain.nodes.find(({ operator }) => operator === "Conv")!.inputs[1]!;
    const values = toFloat32(initializers.get(weight)!).slice();
    values.fill(0, 0, values.length / 2);
    initializers.set(weight, fromFloat32(initializers.get(weight)!.shape, values));
    const dead = { ...chain, initializers };
    expect(await difference(dead, await putBack(dead))).toBeLessThan(1e-5);
  });
});

test("moments are those of all images, however they are batched", async () => {
  const dataset = noise(10);
  const tensors = bareConvolutions(chain);
  const measured = await Promise.all(
    [10, 3].map(async (batch) => {
      using batches = new Batches(dataset, { ...normalization, seed: 0, batch });
      return await measureMoments(chain, tensors, { batches, device: "cpu", onBatch() {} });
    }),
  );
  const [first] = tensors;
  const whole = await evaluate(
    { ...chain, outputs: [{ name: first!, dtype: "float32", shape: undefined }] },
    { [chain.inputs[0]!.name]: await normalized(dataset) },
  );
  const { shape, values } = Object.values(whole)[0]!;
  const [count, channels, ...sizes] = shape as [number, number, ...number[]];
  const area = sizes.reduce((a, b) => a * b, 1);
  for (let c = 0; c < channels; c++) {
    const own = Array.from({ length: count }, (_, n) => [
      ...values.subarray((n * channels + c) * area, (n * channels + c + 1) * area),
    ]).flat();
    const mean = own.reduce((sum, x) => sum + x, 0) / own.length;
    const variance = own.reduce((sum, x) => sum + (x - mean) ** 2, 0) / own.length;
    for (const moments of measured) {
      expect(moments.get(first!)!.mean[c]).toBeCloseTo(mean, 4);
      expect(moments.get(first!)!.variance[c]).toBeCloseTo(variance, 4);
    }
  }
});

/** All images as the networks get them. */
async function normalized(dataset: Dataset) {
  for await (const batch of hostBatches(dataset, { ...normalization, batch: dataset.count })) {
    return { shape: batch.images.shape, values: toFloat32(batch.images) };
  }
  throw new Error("no images");
}
