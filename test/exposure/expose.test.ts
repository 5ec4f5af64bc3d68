// Exposure of known pairs: a file against itself, its renamed, permuted and rescaled copy, a stranger.
import { describe, expect, test } from "vitest";
import { align } from "../../src/exposure/cka.ts";
import { type Exposure, expose } from "../../src/exposure/expose.ts";
import { sharedNames } from "../../src/exposure/names.ts";
import { describe as describeFindings } from "../../src/exposure/sentences.ts";
import { compareStructures } from "../../src/exposure/structure.ts";
import { compareWeights } from "../../src/exposure/weights.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { operation } from "../../src/graph/operation.ts";
import { normal } from "../../src/graph/random.ts";
import { foldBatchNorm, toFloat32Graph } from "../../src/graph/rewrites.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromFloat32, fromNumbers, toFloat32 } from "../../src/graph/tensorData.ts";
import { editDistance } from "../../src/nearest.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import { toFloat16 } from "../../src/quantize/float16.ts";
import { noise, original, rescaled } from "../attack/pair.ts";
import { graph as graphOf, node } from "../graph/graphs.ts";
import { writeData } from "../obfuscate/tiny.ts";
import { workshop } from "../workshop.ts";
import { chain, folded, renamed, reordered, reweighted, scrambled, stranger } from "./copies.ts";

const path = workshop();
const normalization = { mean: [0.4], std: [0.3] };
const structures = (first: Graph, second: Graph) =>
  compareStructures(
    { graph: first, facts: inferShapes(first) },
    { graph: second, facts: inferShapes(second) },
  );
const weightsOf = (graph: Graph) =>
  graph.nodes.filter(({ operator }) => operator === "Conv" || operator === "Gemm").length;

describe("structure", () => {
  test.each([
    ["itself", folded],
    ["its renamed and rescaled copy", renamed(scrambled(folded))],
    ["its copy with the nodes in another order", renamed(reordered(folded))],
    ["its architecture with other weights", reweighted(folded)],
  ])("is the same in a file and %s", (_, other) => {
    const { layerEditDistance, graphSimilarity } = structures(other, folded);
    expect(layerEditDistance).toBe(0);
    expect(graphSimilarity).toBeCloseTo(1, 9);
  });

  test("is another in a chain and in a stranger", () => {
    const [ofChain, ofStranger] = [structures(chain, folded), structures(stranger, folded)];
    expect(ofChain.layerEditDistance).toBeGreaterThan(0.4);
    expect(ofChain.graphSimilarity).toBeLessThan(0.8);
    expect(ofStranger.layerEditDistance).toBeGreaterThan(0.4);
    expect(ofStranger.graphSimilarity).toBeLessThan(0.8);
    // Neither depends on which comes first.
    expect(structures(folded, chain).graphSimilarity).toBeCloseTo(ofChain.graphSimilarity, 12);
    expect(structures(folded, chain).layerEditDistance).toBe(ofChain.layerEditDistance);
  });

  test("is by layers with neighbours up to three away", () => {
    const row = (...operators: string[]) =>
      graphOf({
        inputs: { "0": ["N", 1, 8, 8] },
        nodes: operators.map((operator, i) => node(operator, [`${i}`], `${i + 1}`)),
        outputs: [`${operators.length}`],
      });
    const shared = ["Relu", "Sigmoid", "Tanh", "Elu", "Softplus"];
    const found = structures(row(...shared, "Abs"), row(...shared, "Neg"));
    expect(found.layerEditDistance).toBeCloseTo(1 / 6, 12);
    // Of 6 labels a round, those of who sees the last layer differ: 5, 4, 3 and 2 are alike.
    expect(found.graphSimilarity).toBeCloseTo((5 + 4 + 3 + 2) / (4 * 6), 12);
  });

  test("edit distances are Levenshtein's", () => {
    const letters = (text: string) => [...text];
    expect(editDistance(letters("kitten"), letters("sitting"))).toBe(3);
    expect(editDistance([], letters("abc"))).toBe(3);
    expect(editDistance(letters("abc"), letters("abc"))).toBe(0);
  });
});

describe("weights", () => {
  test("are all the original's in the file itself", () => {
    const count = weightsOf(folded);
    expect(compareWeights(folded, folded)).toEqual({
      weights: count,
      shared: count,
      sharedUpToScale: count,
    });
  });

  test("are the original's up to order and scale in a scrambled copy", () => {
    const count = weightsOf(folded);
    const copy = renamed(scrambled(folded));
    const { shared, sharedUpToScale } = compareWeights(copy, folded);
    expect(shared).toBeLessThan(count);
    expect(sharedUpToScale).toBe(count);
    // Factors of single elements are no scales of channels.
    const initializers = new Map(copy.initializers);
    const name = copy.nodes.find(({ operator }) => operator === "Conv")!.inputs[1]!;
    const weight = initializers.get(name)!;
    const pruned = toFloat32(weight).map((value, place) => (place % 7 === 0 ? value / 2 : value));
    initializers.set(name, fromFloat32(weight.shape, pruned));
    expect(compareWeights({ ...copy, initializers }, folded).sharedUpToScale).toBe(count - 1);
  });

  test("are the original's where batch norms with negative scales were folded into the copy", () => {
    const initializers = new Map(original.initializers);
    for (const { operator, inputs } of original.nodes) {
      if (operator !== "BatchNormalization") continue;
      const scale = initializers.get(inputs[1]!)!;
      const turned = toFloat32(scale).map((value, channel) => (channel % 3 ? value : -value));
      initializers.set(inputs[1]!, fromFloat32(scale.shape, turned));
    }
    const unfolded = { ...original, initializers };
    const count = weightsOf(unfolded);
    const copy = foldBatchNorm(unfolded);
    for (const [model, against] of [
      [copy, unfolded],
      [unfolded, copy],
    ] as const) {
      expect(compareWeights(model, against)).toMatchObject({ shared: 1, sharedUpToScale: count });
    }
  });

  test("of the classifier alone are shared by the sealed chain", () => {
    expect(compareWeights(chain, folded)).toEqual({ weights: 4, shared: 0, sharedUpToScale: 1 });
  });

  /** Layers of these weights. */
  const layers = (...weights: (readonly [shape: number[], values: Float32Array])[]): Graph => {
    const names = weights.map((_, i) => `weight${i}`);
    return {
      ...folded,
      nodes: names.map((name) => node("MatMul", ["x", name], `${name}.result`)),
      initializers: new Map(
        weights.map(([shape, values], i) => [names[i]!, fromFloat32(shape, values)]),
      ),
    };
  };
  const draw = (name: string, count: number) => normal({ seed: 5, name }, count);

  test("count once each: two of the file are not both the same one of the original", () => {
    const values = draw("one", 24);
    const [once, twice] = [layers([[4, 6], values]), layers([[4, 6], values], [[4, 6], values])];
    expect(compareWeights(twice, once)).toEqual({ weights: 2, shared: 1, sharedUpToScale: 1 });
    expect(compareWeights(once, twice)).toEqual({ weights: 1, shared: 1, sharedUpToScale: 1 });
  });

  test("are the same where a linear layer has them the other way round", () => {
    const values = draw("one", 24);
    const turned = Float32Array.from(values, (_, i) => values[(i % 4) * 6 + Math.floor(i / 4)]!);
    const found = compareWeights(layers([[6, 4], turned]), layers([[4, 6], values]));
    expect(found).toEqual({ weights: 1, shared: 0, sharedUpToScale: 1 });
  });

  test.each([
    [1e-2, 0],
    [1e-3, 0],
    [1e-5, 1],
  ])("that were moved by %d of their size count as shared: %d", (distance, expected) => {
    const [values, steps] = [draw("one", 24), draw("steps", 24)];
    const moved = values.map((value, i) => value * (1 + distance * steps[i]!));
    const found = compareWeights(layers([[4, 6], moved]), layers([[4, 6], values]));
    expect(found).toEqual({ weights: 1, shared: 0, sharedUpToScale: expected });
  });

  test("are the same in a linear layer and in a convolution of single pixels", () => {
    const values = draw("one", 24);
    const [linear, convolution] = [layers([[4, 6], values]), layers([[4, 6, 1, 1], values])];
    const found = compareWeights(convolution, linear);
    expect(found).toEqual({ weights: 1, shared: 1, sharedUpToScale: 1 });
    const turned = Float32Array.from(values, (_, i) => values[(i % 4) * 6 + Math.floor(i / 4)]!);
    expect(compareWeights(layers([[6, 4], turned]), convolution).sharedUpToScale).toBe(1);
    const wide = layers([[4, 2, 3, 1], values]);
    expect(compareWeights(wide, linear).sharedUpToScale).toBe(0);
  });

  /** A convolution [8, inputs, 3, 3] in groups, with the kernels at these places of it, times these factors. */
  const grouped = (
    [groups, inputs]: readonly [number, number],
    {
      from = (o, i) => [o, i],
      factor = () => 1,
    }: {
      from?: (o: number, i: number) => [o: number, i: number];
      factor?: (o: number, i: number) => number;
    } = {},
  ): Graph => {
    const values = draw("grouped", 72 * inputs);
    const moved = Float32Array.from(values, (_, place) => {
      const [o, i] = [Math.floor(place / 9 / inputs), Math.floor(place / 9) % inputs];
      const [row, column] = from(o, i);
      return factor(o, i) * values[(row * inputs + column) * 9 + (place % 9)]!;
    });
    return {
      ...layers([[8, inputs, 3, 3], moved]),
      nodes: [node("Conv", ["x", "weight0"], "map", { group: groups })],
    };
  };
  const group = (o: number) => Math.floor(o / 2);
  const scales = draw("scales", 16).map(Math.exp);

  test.each<[string, readonly [number, number], Parameters<typeof grouped>[1], number]>([
    ["rescaled outputs", [4, 3], { factor: (o) => scales[o]! }, 1],
    ["rescaled inputs", [4, 3], { factor: (o, i) => scales[group(o) * 3 + i]! }, 1],
    [
      "inputs in another order in each group",
      [4, 3],
      { from: (o, i) => [o, (i + group(o)) % 3] },
      1,
    ],
    ["groups in another order", [4, 3], { from: (o, i) => [(o + 2) % 8, i] }, 1],
    ["rescaled outputs and inputs of single channels", [8, 1], { factor: (o) => scales[o]! }, 1],
    // Each output reads an input by a scale of its own: no scales of channels.
    ["scales of single kernels", [2, 3], { factor: (o, i) => scales[(3 * o + i) % 16]! }, 0],
  ])("of a grouped convolution are shared by one of %s", (_, sizes, changes, expected) => {
    const found = compareWeights(grouped(sizes, changes), grouped(sizes));
    expect(found).toEqual({ weights: 1, shared: 0, sharedUpToScale: expected });
  });

  test("say nothing up to scale where scales and signs make all alike", () => {
    const single = (name: string) => layers([[1, 24], draw(name, 24).map(Math.abs)]);
    const found = compareWeights(single("one"), single("two"));
    expect(found).toEqual({ weights: 1, shared: 0, sharedUpToScale: 0 });
    expect(compareWeights(single("one"), single("one"))).toMatchObject({ shared: 1 });
    const binary = (name: string) => layers([[4, 6], draw(name, 24).map(Math.sign)]);
    expect(compareWeights(binary("one"), binary("two"))).toEqual(found);
    expect(compareWeights(binary("one"), binary("one"))).toMatchObject({ shared: 1 });
  });

  test("are none of the original's in another training of it, and in a stranger", () => {
    const none = { shared: 0, sharedUpToScale: 0 };
    expect(compareWeights(reweighted(folded), folded)).toMatchObject(none);
    expect(compareWeights(stranger, folded)).toMatchObject(none);
  });
});

describe("alignment", () => {
  const dataset = noise(40);
  const aligned = (model: Graph) => align({ model, original: folded }, dataset, normalization);

  test("is 1 for each layer of the file itself, and of its permuted and rescaled copy", async () => {
    for (const copy of [folded, renamed(scrambled(folded))]) {
      const { values, model, original, images } = await aligned(copy);
      expect([model.length, original.length, images]).toEqual([8, 8, 40]);
      for (const [i, row] of values.entries()) expect(row[i]).toBeGreaterThan(0.999);
      // Different layers are not the same.
      expect(values[0]![7]).toBeLessThan(0.99);
    }
  });

  test.each([-7, -23, 20])("is 1 whatever scale the channels have: 1e%d", async (exponent) => {
    const model = rescaled(chain, () => exponent);
    const { values } = await align({ model, original: chain }, dataset, normalization);
    for (const [i, row] of values.entries()) expect(row[i]).toBeGreaterThan(0.999);
  });

  test("takes 256 images where there are more", async () => {
    const { images } = await align({ model: chain, original: chain }, noise(300), normalization);
    expect(images).toBe(256);
  });

  test("is below 1 for every layer of an unrelated network", async () => {
    const { values } = await aligned(reweighted(folded));
    for (const row of values.slice(1)) expect(Math.max(...row)).toBeLessThan(0.99);
  });

  test("is the quotient that its paper defines", async () => {
    const { values } = await aligned(chain);
    const own = await features(chain, dataset);
    const others = await features(folded, dataset);
    expect(values[0]![1]).toBeCloseTo(kornblith(own[0]!, others[1]!), 4);
    expect(values[3]![7]).toBeCloseTo(kornblith(own[3]!, others[7]!), 4);
  });
});

test("sentences say one of a thing as one", () => {
  const findings = (count: number) => ({
    structure: { layerEditDistance: 0, graphSimilarity: 1, layers: [count, count] as const },
    names: { inner: Array.from({ length: count }, (_, i) => `n${i}`), outer: [] },
    texts: Array.from({ length: count }, (_, i) => `t${i}`),
    weights: { weights: count, shared: 0, sharedUpToScale: count },
    cka: {
      model: Array.from({ length: count }, (_, i) => `m${i}`),
      original: ["layer"],
      values: Array.from({ length: count }, () => [1]),
      images: count,
    },
  });
  expect(describeFindings(findings(1))).toMatchObject({
    layerEditDistance: "The sequence of 1 layer is the original's.",
    sharedNames: `1 inner name is the original's: "n0".`,
    sharedMetadata: `1 remark on where the file comes from is the original's: "t0".`,
    sharedWeights: "0 of 1 weight is the original's as it is.",
    sharedWeightsUpToScale: expect.stringMatching(/^1 more is the original's/),
    cka: expect.stringMatching(/^On 1 image 1 of 1 layer sees exactly/),
  });
  expect(describeFindings(findings(2))).toMatchObject({
    layerEditDistance: "The sequence of 2 layers is the original's.",
    sharedNames: `2 inner names are the original's: "n0", "n1".`,
    sharedMetadata: `2 remarks on where the file comes from are the original's: "t0", "t1".`,
    sharedWeights: "0 of 2 weights are the original's as they are.",
    sharedWeightsUpToScale: expect.stringMatching(/^2 more are the original's/),
    cka: expect.stringMatching(/^On 2 images 2 of 2 layers see exactly/),
  });
});

test("names of inputs and outputs are told apart from inner ones", () => {
  const contract = ["input", "logits"];
  expect(sharedNames(renamed(folded), folded)).toEqual({ inner: [], outer: contract });
  const { inner, outer } = sharedNames(folded, folded);
  expect(outer).toEqual(contract);
  expect(inner).toContain("layer1.0.conv1");
});

describe("the exposure of files", () => {
  const against = path("original.onnx", folded);
  const data = writeData(path("data"), { train: 8, test: 24 });
  const exposed = (graph: Graph, name: string): Promise<Exposure> =>
    expose({ model: path(name, graph), against, data, ...normalization });

  test("has a sentence for each figure, of a copy of the file", async () => {
    const { sentences, cka, ...figures } = await exposed(folded, "copy.onnx");
    expect(figures).toMatchObject({
      layerEditDistance: 0,
      sharedWeights: 8,
      sharedWeightsUpToScale: 8,
    });
    expect(figures.sharedNames).toBeGreaterThan(20);
    expect(cka?.values).toHaveLength(8);
    expect(Object.keys(sentences)).toEqual([
      ...["layerEditDistance", "graphSimilarity", "sharedNames", "sharedMetadata"],
      ...["sharedWeights", "sharedWeightsUpToScale", "cka"],
    ]);
    expect(sentences.layerEditDistance).toMatch(/is the original's/);
    expect(sentences.cka).toMatch(/On 24 images 8 of 8 layers see exactly/);
  });

  test("tells how many layers have features that are no finite numbers", async () => {
    const convolutions = folded.nodes.filter(({ operator }) => operator === "Conv");
    const damaged = convolutions[2]!.inputs[1]!;
    const { shape } = folded.initializers.get(damaged)!;
    const values = new Float32Array(shape.reduce((a, b) => a * b)).fill(Number.NaN);
    const initializers = new Map(folded.initializers).set(damaged, fromFloat32(shape, values));
    const { sentences } = await exposed({ ...folded, initializers }, "nan.onnx");
    expect(sentences.cka).toMatch(
      /On 24 images 2 of 8 layers see exactly .*; 6 of the file's layers and 0 of the original's cannot be compared/,
    );
    const none = { ...folded, initializers: new Map(initializers) };
    const first = convolutions[0]!.inputs[1]!;
    const size = folded.initializers.get(first)!.shape;
    const infinite = new Float32Array(size.reduce((a, b) => a * b)).fill(Number.POSITIVE_INFINITY);
    none.initializers.set(first, fromFloat32(size, infinite));
    const found = await exposed(none, "infinite.onnx");
    expect(found.sentences.cka).toMatch(/ 0 of 8 layers see exactly .* 8 of the file's layers/);
  });

  test("tells that a sealed chain shares the classifier alone", async () => {
    const { sentences, ...figures } = await exposed(chain, "chain.onnx");
    expect(figures).toMatchObject({ sharedNames: 2, sharedWeights: 0, sharedWeightsUpToScale: 1 });
    expect(figures.sharedMetadata).toBe(0);
    expect(sentences.sharedNames).toMatch(/but those that callers use: "input", "logits"/);
  });

  test.each(["float16", "bfloat16"] as const)(
    "finds all weights again in a %s file",
    async (dtype) => {
      const narrow = (graph: Graph): Graph => ({
        ...graph,
        initializers: new Map(
          [...graph.initializers].map(([name, value]) => [
            name,
            value.dtype === "float32" ? fromNumbers(dtype, value.shape, toFloat32(value)) : value,
          ]),
        ),
      });
      const count = weightsOf(folded);
      const found = (graph: Graph) => compareWeights(toFloat32Graph(narrow(graph)), folded);
      expect(found(folded)).toMatchObject({ shared: count, sharedUpToScale: count });
      const copy = found(renamed(scrambled(folded)));
      expect(copy.shared).toBeLessThan(count);
      expect(copy.sharedUpToScale).toBe(count);
      const none = { shared: 0, sharedUpToScale: 0 };
      expect(found(reweighted(folded))).toMatchObject(none);
      expect(found(stranger)).toMatchObject(none);
    },
  );

  test("tells that a float16 copy has all weights", async () => {
    const half = path("half.onnx", toFloat16(folded));
    const { sharedWeights, sentences } = await expose({ model: half, against });
    expect(sharedWeights).toBe(weightsOf(folded));
    expect(sentences.sharedWeights).toMatch(/^8 of 8 weights are the original's as they are/);
    // As far from the original as float16 rounds, but in float32: another training's.
    const initializers = new Map(
      [...folded.initializers].map(([name, value]) => {
        const moved = toFloat32(value).map((each) => each * (1 + 2 ** -13));
        return [name, value.dtype === "float32" ? fromFloat32(value.shape, moved) : value];
      }),
    );
    expect(compareWeights({ ...folded, initializers }, folded).shared).toBe(0);
  });

  test("sees through what a quantizer wrote around the original's layers", async () => {
    // Each weight as a whole number of 1/64 in a node of its own, as quantizers write it.
    const initializers = new Map(folded.initializers);
    const floats = new Map(folded.initializers);
    const nodes = folded.nodes.flatMap((node) => {
      const [, name = ""] = node.inputs;
      const value = initializers.get(name);
      if (!/^(Conv|Gemm)$/.test(node.operator) || !value) return [node];
      const steps = toFloat32(value).map(
        (w) => Math.max(-127, Math.min(127, Math.round(64 * w))) + 0,
      );
      initializers.set(`${name}.q`, fromNumbers("int8", value.shape, [...steps]));
      floats.set(
        name,
        fromFloat32(
          value.shape,
          steps.map((step) => step / 64),
        ),
      );
      const inputs = node.inputs.with(1, `${name}.f`);
      const reading = ["DequantizeLinear", [`${name}.q`, "scale"], `${name}.f`] as const;
      return [operation(...reading), { ...node, inputs }];
    });
    initializers.set("scale", fromFloat32([], Float32Array.of(1 / 64)));
    const quantized = path("quantized.onnx", { ...folded, nodes, initializers });
    const plain = path("plain.onnx", { ...folded, initializers: floats });
    const found = await expose({ model: plain, against: quantized });
    expect(found).toMatchObject({ layerEditDistance: 0, sharedWeights: weightsOf(folded) });
  });

  test("takes the original's output that is asked for", async () => {
    const scores = folded.outputs[0]!;
    const nodes = [...folded.nodes, node("Gemm", [scores.name, "square"], "other")];
    const initializers = new Map(folded.initializers);
    initializers.set("square", fromFloat32([4, 4], new Float32Array(16).fill(1)));
    const outputs = [scores, { ...scores, name: "other" }];
    const against = path("two.onnx", { ...folded, nodes, initializers, outputs });
    const model = path("of two.onnx", folded);
    const convolutionsAnd = async (output: string) =>
      (await expose({ model, against, output, data, ...normalization })).cka?.original.length;
    expect(await convolutionsAnd("other")).toBe(1 + (await convolutionsAnd(scores.name))!);
  });

  test("needs no images, and finds remarks that both files have", async () => {
    const remark = Buffer.concat([encodeModel(folded), Buffer.from("\x12\x07pytorch", "latin1")]);
    const [first, second] = [path("first.onnx", remark), path("second.onnx", remark)];
    const { cka, sharedMetadata, sentences } = await expose({ model: first, against: second });
    expect([cka, sharedMetadata]).toEqual([null, 2]);
    expect(sentences.sharedMetadata).toMatch(/2 remarks .* are .*"resnet8", "pytorch"/);
    expect(sentences.cka).toBeUndefined();
  });

  test("takes the sizes that one file leaves open from the other", async () => {
    const [input] = folded.inputs;
    const open = { ...folded, inputs: [{ ...input!, shape: ["N", 1, "H", "W"] }] };
    const [first, second] = [path("open.onnx", open), path("fixed.onnx", chain)];
    const { layerEditDistance } = await expose({ model: first, against: second });
    expect(layerEditDistance).toBe(structures(folded, chain).layerEditDistance);
  });

  test("leaves each file its own sizes where the two differ", async () => {
    const [input] = folded.inputs;
    const larger = { ...folded, inputs: [{ ...input!, shape: ["N", 1, 32, 32] }] };
    const [first, second] = [path("larger.onnx", larger), path("smaller.onnx", chain)];
    for (const [model, against] of [
      [first, second],
      [second, first],
    ] as const) {
      expect((await expose({ model, against })).layerEditDistance).toBeGreaterThan(0.4);
    }
  });
});

/** Of each layer the features of all images, channels at one variance, centred: rows are images. */
async function features(graph: Graph, dataset: ReturnType<typeof noise>): Promise<number[][][]> {
  const { evaluate } = await import("../graph/onnxruntime.ts");
  const { hostBatches } = await import("../../src/data/index.ts");
  const names = graph.nodes
    .filter(({ operator }) => operator === "Conv" || operator === "Gemm")
    .map(({ outputs }) => outputs[0]!);
  const shown = {
    ...graph,
    outputs: names.map((name) => ({ name, dtype: "float32" as const, shape: undefined })),
  };
  for await (const { images, size } of hostBatches(dataset, { ...normalization, batch: 100 })) {
    const input = { shape: images.shape, values: toFloat32(images) };
    const results = await evaluate(shown, { [graph.inputs[0]!.name]: input });
    return names.map((name) => {
      const { shape, values } = results[name]!;
      const area = shape.slice(2).reduce((a, b) => a * b, 1);
      const width = shape[1]! * area;
      const rows = Array.from({ length: size }, (_, n) => [
        ...values.subarray(n * width, (n + 1) * width),
      ]);
      for (let c = 0; c < shape[1]!; c++) {
        const own = rows.flatMap((row) => row.slice(c * area, (c + 1) * area));
        const mean = own.reduce((a, b) => a + b, 0) / own.length;
        const variance = own.reduce((a, b) => a + (b - mean) ** 2, 0) / own.length;
        for (const row of rows)
          for (let k = c * area; k < (c + 1) * area; k++) row[k]! /= Math.sqrt(variance + 1e-12);
      }
      for (let k = 0; k < width; k++) {
        const mean = rows.reduce((sum, row) => sum + row[k]!, 0) / size;
        for (const row of rows) row[k]! -= mean;
      }
      return rows;
    });
  }
  throw new Error("no images");
}

/** ||Yᵀ X||² / (||Xᵀ X|| ||Yᵀ Y||), section 3 of the paper. */
function kornblith(x: number[][], y: number[][]): number {
  const squaredNorm = (a: number[][], b: number[][]) => {
    let sum = 0;
    for (let i = 0; i < a[0]!.length; i++) {
      for (let j = 0; j < b[0]!.length; j++) {
        let product = 0;
        for (let n = 0; n < a.length; n++) product += a[n]![i]! * b[n]![j]!;
        sum += product ** 2;
      }
    }
    return sum;
  };
  return squaredNorm(y, x) / Math.sqrt(squaredNorm(x, x) * squaredNorm(y, y));
}
