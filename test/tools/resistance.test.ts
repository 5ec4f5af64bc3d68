// What a pirate does with a chain before he fine-tunes it, where it was made a bad start.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { drawBudget } from "../../src/attack/budget.ts";
import { behead } from "../../src/attack/head.ts";
import { rowsFor } from "../../src/attack/judge.ts";
import { inMemory } from "../../src/data/index.ts";
import { toFloat32 } from "../../src/graph/tensorData.ts";
import { resnet } from "../../src/models/index.ts";
import { planOriginal, untrainedChain } from "../../src/obfuscate/original.ts";
import { Controls } from "../../tools/resistance/controls.ts";
import { readOptions } from "../../tools/resistance/options.ts";
import { others, redrawn } from "../../tools/resistance/pirate.ts";
import { ways } from "../../tools/resistance/ways.ts";
import { whitened } from "../../tools/resistance/whiten.ts";
import { chain, images, original } from "../attack/pair.ts";

const { body } = behead(chain);
const options = { mean: [0.4], std: [0.3], device: "cpu", onProgress: () => {} } as const;

describe("a pirate's preparation", () => {
  test("whitening leaves what the network computes as it is", async () => {
    const start = await whitened(body, images, options);
    const convolutions = ({ nodes }: typeof body) =>
      nodes.filter(({ operator }) => operator === "Conv").length;
    expect(convolutions(start)).toBe(2 * convolutions(body) - 1);
    const [before, after] = [
      await rowsFor(body, images, options),
      await rowsFor(start, images, options),
    ];
    const largest = Math.max(...before.map(Math.abs));
    expect(largest).toBeGreaterThan(0);
    for (const [i, value] of after.entries()) {
      expect(Math.abs(value - before[i]!)).toBeLessThan(1e-4 * largest);
    }
  });

  test("drawing layers anew changes these alone", () => {
    const weights = ({ nodes, initializers }: typeof body) =>
      nodes.flatMap(({ operator, inputs }) =>
        operator === "Conv" ? [toFloat32(initializers.get(inputs[1]!)!)] : [],
      );
    const [first, second, third] = weights(body);
    const [kept, drawn, alsoKept] = weights(redrawn(body, [2], 0));
    expect([kept, alsoKept]).toEqual([first, third]);
    expect(drawn).not.toEqual(second);
  });
});

describe("another plan", () => {
  const images = [3, 32, 32];
  const { plan } = planOriginal(resnet({ depth: 20 }), images, { model: "o.onnx", depth: 7 });
  const rows = (name: string) => {
    const { layers, macs } = ways[name]!.plan!(plan);
    return { widths: layers.map(({ outputs }) => outputs), pools: poolsOf(layers), macs };
  };
  const poolsOf = (layers: typeof plan.layers) =>
    layers.flatMap(({ pool }, i) => (pool ? [i + 1] : []));

  // A convolution of 3×3 costs 9 MACs a place, input and output channel; places are 1024, 256 and 64.
  test.each([
    ["narrow-early", [8, 16, 32, 120, 120, 120, 64], [2, 3], 1024, 256],
    ["early-pooling", [16, 40, 80, 112, 112, 112, 64], [1, 2], 256, 64],
  ])("%s costs as much as the usual one", (name, widths, pools, second, third) => {
    const places = [1024, second, third, 64, 64, 64, 64];
    const macs = places.map((count, i) => 9 * count * (widths[i - 1] ?? 3) * widths[i]!);
    const sum = macs.reduce((a, b) => a + b);
    expect(rows(name)).toEqual({ widths, pools, macs: sum });
    expect(sum / plan.macs).toBeGreaterThan(0.9);
    expect(sum / plan.macs).toBeLessThanOrEqual(1);
  });
});

test("of random weights that are measured already, the layers count and not the weights' shapes alone", async () => {
  const planned = planOriginal(original, [1, 8, 8], { model: "o.onnx", depth: 3 });
  const pooledAt = (place: number) => {
    const layers = planned.plan.layers.map((layer, i) => ({
      ...layer,
      stride: [1, 1] as const,
      pool: i === place,
    }));
    return untrainedChain({ ...planned, plan: { ...planned.plan, layers } }).trained;
  };
  const folder = mkdtempSync(join(tmpdir(), "controls-"));
  const path = join(folder, "controls.jsonl");
  const pirate = { ...options, budget: 0.5, seed: 0, epochs: 1, isFinal: false, whitens: false };
  const controls = new Controls(path, {
    ...pirate,
    data: { train: images, test: images },
    optimizer: "sgd",
    learningRates: [0.05],
  });
  const [first, second] = [pooledAt(0), pooledAt(1)];
  for (const graph of [first, second, first]) await controls.reached(graph, { name: "scratch" });
  expect(readFileSync(path, "utf8").trimEnd().split("\n")).toHaveLength(2);
  rmSync(folder, { recursive: true });
});

test("the images that choose a pirate's rate are neither his nor those that judge him", () => {
  const train = inMemory({
    name: "many",
    pixels: Uint8Array.from({ length: 2 * 120 }, (_, place) => Math.floor(place / 2)),
    labels: Int32Array.from({ length: 120 }, (_, i) => i % 4),
    shape: [1, 1, 2],
    classes: ["a", "b", "c", "d"],
  });
  const { toChoose, toJudge } = others(train, 0.2, 0);
  const parts = [drawBudget(train, 0.2, 0), toChoose, toJudge];
  expect(parts.map(({ count }) => count)).toEqual([24, 48, 48]);
  const places = parts.flatMap(({ pixels }) => [...pixels!].filter((_, i) => i % 2 === 0));
  expect(new Set(places).size).toBe(120);
  for (const { labels, count } of parts) {
    for (const label of train.labels.subarray(0, 4)) {
      expect(labels.filter((own) => own === label)).toHaveLength(count / 4);
    }
  }
});

describe("the options", () => {
  const given = ["o.onnx", "--data", "cifar10:d", "--pirate-data", "images:p"];

  test("stand by their names, in any order", () => {
    const own = ["--final", "--rates", "0.01,0.2", "--whitened", "--redrawn", "5,6"];
    expect(readOptions([...own, ...given])).toMatchObject({
      model: "o.onnx",
      data: "cifar10:d",
      pirateData: "images:p",
      depth: 7,
      pirateEpochs: 20,
      isFinal: true,
      whitens: true,
      learningRates: [0.01, 0.2],
      redraws: [5, 6],
    });
    expect(readOptions(given)).toMatchObject({ isFinal: false, whitens: false, redraws: [] });
  });

  test.each([
    [["--pirate-epoch", "5"], "--pirate-epoch"],
    [["--whitened", "no"], "expected ORIGINAL.onnx --data DATA"],
    [["--optimizer", "adam"], "--optimizer: expected one of sgd, adamw, muon; received adam"],
    [["--rates", "fast"], '--rates: expected numbers, such as 0.05,0.1; received "fast"'],
    [["--rates", "--final"], "--rates"],
    [["--depth", "5,7"], "--depth: expected one number; received 5,7"],
  ])("refuse %j", (wrong, message) => {
    expect(() => readOptions([...given, ...wrong])).toThrow(message);
  });
});
