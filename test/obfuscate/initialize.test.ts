import { beforeAll, describe, expect, test } from "vitest";
import { Batches, type Dataset, inMemory } from "../../src/data/index.ts";
import { Network } from "../../src/engine/index.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { normal } from "../../src/graph/random.ts";
import { toNumbers } from "../../src/graph/tensorData.ts";
import { type Layer, sequential } from "../../src/models/index.ts";
import { initializeChain, withIdentity } from "../../src/obfuscate/initialize.ts";
import { setThreads, type Tensor } from "../../src/torch/index.ts";
import { float32 } from "../graph/graphs.ts";

const [count, channels, side] = [64, 2, 10];
const shape = [channels, side, side] as const;

beforeAll(() => setThreads(1));

/** Images whose neighbouring pixels and whose channels are alike, as in photographs. */
function smoothImages(): Dataset {
  const noise = normal({ seed: 3, name: "noise" }, count * channels * side * side);
  const pixels = new Uint8Array(noise.length);
  let walk = 0;
  for (let i = 0; i < pixels.length; i++) {
    const other = i >= side * side ? pixels[i - side * side]! - 128 : 0;
    walk = 0.8 * walk + 18 * noise[i]!;
    pixels[i] = Math.max(0, Math.min(255, Math.round(128 + walk + other / 4)));
  }
  return inMemory({
    name: "smooth",
    pixels,
    shape,
    labels: new Int32Array(count),
    classes: ["one"],
  });
}

const layer = (outputs: number, changes: Partial<Layer> = {}): Layer => ({
  outputs,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1],
  pool: false,
  activation: "none",
  ...changes,
});

async function start(layers: readonly Layer[], std = 0.3) {
  const drawn = sequential(layers, { shape, seed: 2 });
  using batches = new Batches(smoothImages(), { batch: 16, seed: 1, mean: [0.4], std: [std] });
  const plan = { layers, input: shape, cuts: [], macs: 0 };
  const started = await initializeChain(drawn, { plan, batches });
  const weight = (graph: Graph, number: number) =>
    toNumbers(graph.initializers.get(`conv${number}.weight`)!);
  return { drawn, started, weight };
}

/** The values of each channel of these tensors over all images. */
async function responses(graph: Graph, outputs: readonly string[]): Promise<number[][][]> {
  using batches = new Batches(smoothImages(), { batch: count, seed: 1, mean: [0.4], std: [0.3] });
  const network = new Network(graph);
  const results = new Map<string, number[][]>();
  for await (const { images } of batches.epoch(0)) {
    const made = network.forward({ input: images }, { training: true, outputs });
    for (const name of outputs) results.set(name, byChannel(made[name]!));
  }
  network.dispose();
  return outputs.map((name) => results.get(name)!);
}

function byChannel(tensor: Tensor): number[][] {
  const [, width, ...sizes] = tensor.shape as [number, number, number, number];
  const area = sizes[0] * sizes[1];
  const values = Array.from({ length: width }, (): number[] => []);
  tensor.numbers().forEach((value, i) => {
    values[Math.floor(i / area) % width]!.push(value);
  });
  return values;
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

function covariance(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  return mean(a.map((value, i) => (value - meanA) * (b[i]! - meanB)));
}

describe.each<[string, Partial<Layer>]>([
  ["every pixel", {}],
  ["every other pixel without padding", { stride: [2, 2], padding: [0, 0] }],
])("a first layer that sees %s", (_, changes) => {
  const [directions, outputs] = [channels * 9, 40];
  let begun: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    begun = await start([layer(outputs, changes)]);
  });

  test("gives uncorrelated responses of variance one behind the batch norm", async () => {
    const [before, after] = await responses(begun.started, ["conv1", "features"]);
    const variances = before!.slice(0, directions).map((values) => covariance(values, values));
    expect(variances[0]).toBeGreaterThan(10 * variances.at(-1)!);
    for (let a = 0; a < directions; a++) {
      if (a > 0) expect(variances[a]).toBeLessThan(variances[a - 1]! * 1.001);
      expect(covariance(after![a]!, after![a]!)).toBeCloseTo(1, 2);
      for (let b = 0; b < a; b++) {
        expect(Math.abs(covariance(after![a]!, after![b]!))).toBeLessThan(5e-3);
      }
    }
  });

  test("has each direction in both senses, all of the norm of a drawn filter, and the rest as drawn", () => {
    const { drawn, started, weight } = begun;
    const [values, random] = [weight(started, 1), weight(drawn, 1)];
    const half = values.slice(0, directions ** 2);
    expect(values.slice(directions ** 2, 2 * directions ** 2)).toEqual(half.map((value) => -value));
    for (let i = 0; i < directions; i++) {
      const filter = half.slice(i * directions, (i + 1) * directions);
      expect(filter.reduce((sum, value) => sum + value ** 2, 0)).toBeCloseTo(2, 5);
    }
    expect(values.slice(2 * directions ** 2)).toEqual(random.slice(2 * directions ** 2));
  });
});

test("a narrow first layer takes the directions of the largest variance", async () => {
  const [wide, narrow] = [await start([layer(40)]), await start([layer(5)])];
  const values = narrow.weight(narrow.started, 1);
  expect(values).toEqual(wide.weight(wide.started, 1).slice(0, values.length));
});

test("other layers begin by handing on what they get", async () => {
  const { started } = await start([layer(4), layer(6), layer(3, { stride: [2, 2] })]);
  const [first, second] = await responses(started, ["bn1", "conv2"]);
  for (let channel = 0; channel < 4; channel++) {
    second![channel]!.forEach((value, i) => {
      expect(value).toBeCloseTo(Math.SQRT2 * first![channel]![i]!, 4);
    });
  }
});

test("the identity stands at the kernel's centre in the first filters, and no other is touched", () => {
  const two = withIdentity(float32([2, 1, 3, 3], new Array(18).fill(7)), 3);
  expect(toNumbers(two)).toEqual([0, 0, 0, 0, 3, 0, 0, 0, 0, ...new Array(9).fill(7)]);
  const wide = withIdentity(float32([1, 2, 2, 4], new Array(16).fill(7)), 3);
  expect(toNumbers(wide).flatMap((value, i) => (value === 0 ? [] : [[i, value]]))).toEqual([
    [6, 3],
  ]);
});

test("images that are not finite leave the first layer as it was drawn", async () => {
  const { drawn, started, weight } = await start([layer(4)], 1e-30);
  expect(weight(started, 1)).toEqual(weight(drawn, 1));
});
