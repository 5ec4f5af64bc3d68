// What is found out about both files before an epoch is trained.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import { DataError, ModelError } from "../../src/errors.ts";
import { type EvaluateOptions, evaluateModel } from "../../src/evaluate/evaluateModel.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph, Node, TensorData } from "../../src/graph/graph.ts";
import { fromNumbers } from "../../src/graph/tensorData.ts";
import { dryRun } from "../../src/obfuscate/dryRun.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import { idxFile } from "../cli/fixtures.ts";
import { float32, int64, node } from "../graph/graphs.ts";
import { withProperty } from "../onnx/properties.ts";
import { workshop } from "../workshop.ts";
import { writeData, writeFiles, writeTiny } from "./tiny.ts";

const path = workshop();

/** A network that pools a padded map of negative values, with a padding of its own, and the name of that map. */
function padsBeforePooling(): { graph: Graph; boundary: string } {
  const build = new GraphBuilder({ seed: 2 });
  const image = build.input("image", ["N", 1, 8, 8]);
  const convolved = build.conv(image, { name: "first", outputs: 4, kernel: 3, padding: 1 });
  const map = build.relu(
    build.conv(convolved, { name: "second", outputs: 4, kernel: 3, padding: 1 }),
  );
  const pads = build.initializer("pads", int64(0, 0, 1, 1, 0, 0, 1, 1));
  const boundary = build.node("Neg", [map]);
  const padded = build.node("Pad", [boundary, pads]);
  const pooled = build.maxPool(padded, { kernel: 3, stride: 2, padding: 1 });
  build.output(build.linear(build.flatten(pooled), { name: "head", outputs: 4 }), "logits");
  return { graph: build.build(), boundary };
}

test("refuses before training what ONNX Runtime would compute otherwise in the end", async () => {
  const { graph, boundary } = padsBeforePooling();
  const model = writeTiny(path("padded.onnx"), graph);
  const data = writeData(path("data"));
  const asked = { model, data, boundary, depth: 4, epochs: 1, acceptOriginal: true, threads: 1 };
  const error = await dryRun(asked).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ModelError);
  expect(String(error)).toContain("differs in ONNX Runtime from the network in training");
});

test("refuses an original that was read otherwise than its file answers, or tells of it where that is accepted", async () => {
  const graph = nearestLevel();
  // The file cuts off what its reader takes for rounded alone.
  const step = float32([], [0.0005]);
  const model = writeTiny(path("read.onnx"), {
    ...graph,
    initializers: new Map(graph.initializers).set("step", step),
    nodes: graph.nodes.flatMap((each) =>
      each.operator === "Gemm"
        ? [
            node("QuantizeLinear", [each.inputs[0]!, "step"], "whole"),
            node("DequantizeLinear", ["whole", "step"], "cut"),
            { ...each, inputs: each.inputs.with(0, "cut") },
          ]
        : [each],
    ),
  });
  const asked = { model, data: writeGreys(path("read"), 100), depth: 3, epochs: 1, threads: 1 };
  const misread =
    /^read.onnx answers otherwise in ONNX Runtime than the graph that was read of it.* is \d\S* of these, more than 0.1/;
  const error = await dryRun(asked).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ModelError);
  expect((error as ModelError).message).toMatch(misread);
  expect(String(error)).toMatch(/--accept-original goes on/);
  const { description } = await dryRun({ ...asked, acceptOriginal: true });
  expect(description.data.notes).toContainEqual(expect.stringMatching(misread));
});

test("refuses before training what could not be quantized in the end", async () => {
  const build = new GraphBuilder({ seed: 2 });
  let map = build.input("image", ["N", 1, 8, 8]);
  for (const name of ["a", "b", "c"]) {
    map = build.relu(build.conv(map, { name, outputs: 4, kernel: 3, padding: 1 }));
  }
  // The scales of a resizing stay float32, also in a file of half precision.
  const scales = build.initializer("scales", float32([4], [1, 1, 2, 2]));
  const larger = build.node("Resize", [map, "", scales]);
  const pooled = build.flatten(build.globalAveragePool(larger));
  build.output(build.linear(pooled, { name: "head", outputs: 4 }), "logits");
  const model = writeTiny(path("resized.onnx"), build.build());
  const given = { data: writeData(path("resized")), boundary: map, depth: 3, epochs: 1 };
  const asked = { ...given, model, acceptOriginal: true, threads: 1 };
  await expect(dryRun(asked)).resolves.toBeDefined();
  await expect(dryRun({ ...asked, quantize: ["fp16"] })).rejects.toThrow(ModelError);
  await expect(dryRun({ ...asked, quantize: ["fp16"] })).rejects.toThrow(
    /untrained chain.* in fp16/,
  );
});

test("refuses before training a quantized file that cannot hold its numbers", async () => {
  const graph = nearestLevel();
  const large = float32([4, 4], [1e6, -1e6, 1e6, -1e6, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  const initializers = new Map(graph.initializers).set("head.weight", large);
  const model = writeTiny(path("large.onnx"), { ...graph, initializers });
  const data = writeGreys(path("large"), 16);
  const asked = { model, data, depth: 3, epochs: 1, acceptOriginal: true, threads: 1 };
  await expect(dryRun(asked)).resolves.toBeDefined();
  await expect(dryRun({ ...asked, quantize: ["fp16"] })).rejects.toThrow(
    /chain to quantize takes values of \d+ on the images that were looked at, where float16 ends at 65504/,
  );
});

const levels = [40, 90, 140, 190];

/** Names the class whose level is nearest to the mean of an image of values from 0 to 1. */
function nearestLevel(): Graph {
  const build = new GraphBuilder();
  let x = build.input("image", ["N", 1, 8, 8]);
  for (const name of ["first", "second"])
    x = build.relu(build.conv(x, { name, outputs: 4, kernel: 1 }));
  const pooled = build.flatten(build.globalAveragePool(x));
  build.output(build.linear(pooled, { name: "head", outputs: 4 }), "logits");
  const graph = build.build();
  const sharpness = 100;
  const centres = levels.map((level) => level / 255);
  return {
    ...graph,
    initializers: new Map([
      ...graph.initializers,
      ["first.weight", float32([4, 1, 1, 1], [1, 1, 1, 1])],
      ["second.weight", float32([4, 4, 1, 1], new Array(16).fill(0.25))],
      [
        "head.weight",
        float32(
          [4, 4],
          centres.flatMap((c) => new Array(4).fill((sharpness * c) / 2)),
        ),
      ],
      [
        "head.bias",
        float32(
          [4],
          centres.map((c) => -sharpness * c * c),
        ),
      ],
    ]),
  };
}

/** The network behind nodes that make "image" of another input. */
function behind(
  input: Graph["inputs"][number],
  nodes: readonly Node[],
  constants: Readonly<Record<string, TensorData>> = {},
): Graph {
  const graph = nearestLevel();
  const initializers = new Map([...graph.initializers, ...Object.entries(constants)]);
  return { ...graph, inputs: [input], nodes: [...nodes, ...graph.nodes], initializers };
}

const toFloats = [
  node("Cast", ["pixels"], "floats", { to: 1 }),
  node("Mul", ["floats", "scale"], "scaled"),
];
const scale = float32([], [1 / 255]);

/** Originals that answer alike and take the images, or say their classes, in other forms. */
const forms: Readonly<Record<string, () => Graph>> = {
  "whole pixels": () =>
    behind(
      { name: "pixels", dtype: "uint8", shape: ["N", 1, 8, 8] },
      [...toFloats, node("Identity", ["scaled"], "image")],
      { scale },
    ),
  "whole pixels, channels last": () =>
    behind(
      { name: "pixels", dtype: "uint8", shape: ["N", 8, 8, 1] },
      [...toFloats, node("Transpose", ["scaled"], "image", { perm: [0, 3, 1, 2] })],
      { scale },
    ),
  "grey images without an axis of channels": () =>
    behind(
      { name: "grey", dtype: "float32", shape: ["N", 8, 8] },
      [node("Reshape", ["grey", "sizes"], "image")],
      { sizes: int64(-1, 1, 8, 8) },
    ),
  "half precision": () =>
    behind({ name: "half", dtype: "float16", shape: ["N", 1, 8, 8] }, [
      node("Cast", ["half"], "image", { to: 1 }),
    ]),
  "quantized images, and says the class": () => {
    const graph = behind(
      { name: "x", dtype: "float32", shape: ["N", 1, 8, 8] },
      [
        node("QuantizeLinear", ["x", "scale", "zero"], "q"),
        node("DequantizeLinear", ["q", "scale", "zero"], "image"),
      ],
      { scale, zero: fromNumbers("uint8", [], [0]) },
    );
    const nodes = [...graph.nodes, node("ArgMax", ["logits"], "class", { axis: 1 })];
    return { ...graph, nodes, outputs: [{ name: "class", dtype: "int64", shape: undefined }] };
  },
  "four images at a time": () => {
    const graph = nearestLevel();
    const [image] = graph.inputs;
    return { ...graph, inputs: [{ ...image!, shape: [4, 1, 8, 8] }] };
  },
  "the labels for a loss": () => {
    const graph = nearestLevel();
    return {
      ...graph,
      inputs: [...graph.inputs, { name: "labels", dtype: "int64", shape: ["N"] }],
      outputs: [{ name: "loss", dtype: "float32", shape: [] }, ...graph.outputs],
      nodes: [...graph.nodes, node("SoftmaxCrossEntropyLoss", ["logits", "labels"], "loss")],
    };
  },
};

/** Grey images that stray from the level of their class by up to 24. */
function greys(count: number): [images: Uint8Array, labels: Uint8Array] {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 4);
  const grey = (i: number) => levels[i % 4]! + ((i * 37) % 49) - 24;
  const images = Uint8Array.from({ length: 64 * count }, (_, k) => grey(Math.floor(k / 64)));
  return [idxFile([count, 8, 8], images), idxFile([count], labels)];
}

/** Writes so many of them to learn from, and as many or others to judge by; gives the notation of the data. */
function writeGreys(folder: string, count: number, judged = count): string {
  const [images, labels] = greys(count);
  const [testImages, testLabels] = greys(judged);
  return writeFiles(folder, {
    "train-images-idx3-ubyte": images,
    "train-labels-idx1-ubyte": labels,
    "t10k-images-idx3-ubyte": testImages,
    "t10k-labels-idx1-ubyte": testLabels,
  });
}

test.each(Object.entries(forms))("judges an original that takes %s", async (name, original) => {
  const model = writeTiny(path(`${name}.onnx`), original());
  const data = writeGreys(path(`${name} data`), 100);
  const asked = { model, data, depth: 3, epochs: 1, threads: 1 };
  expect(await dryRun(asked)).toMatchObject({ description: { judgement: { accuracy: 1 } } });
  expect(await doubts({ model, data })).toEqual([]);
  expect(await doubts({ model, data, runtime: "torch" })).toEqual([]);
});

test("refuses images in a form that costs the original a few points, and says which does not", async () => {
  const model = writeTiny(path("nearest.onnx"), nearestLevel());
  const data = writeGreys(path("greys"), 400);
  const asked = { model, data, depth: 3, epochs: 1, threads: 1 };
  const error = await dryRun({ ...asked, mean: [0.02] }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DataError);
  expect(String(error)).toMatch(
    /right on 9\d\.\d\d % of 400 images to judge by, and on 100\.00 % with --mean 0 --std 1 \(0 to 1\): the data are/,
  );
  expect(await dryRun(asked)).toMatchObject({ epochs: 1 });
  expect(await doubts({ model, data, mean: [0.02] })).toEqual([
    expect.stringMatching(/ and on 100\.00 % with --mean 0 --std 1/),
  ]);
  expect(await doubts({ model, data })).toEqual([]);
});

test("judges by training images, too, where those to judge by are few", async () => {
  const model = writeTiny(path("few.onnx"), nearestLevel());
  const asked = { model, data: writeGreys(path("few"), 400, 10), depth: 3, epochs: 1, threads: 1 };
  const error = await dryRun({ ...asked, mean: [3] }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DataError);
  expect(String(error)).toMatch(
    /right on 25\.00 % of 400 training images, as often as by guessing/,
  );
  const { description } = await dryRun({ ...asked, maxAccuracyDrop: 0.05 });
  expect(description.judgement?.samples).toBe(10);
  expect(description.data.notes?.slice(0, 2)).toEqual([
    "few images to judge by (10) say little: a measured accuracy of 90 % lies within 59.6 to 98.2 %",
    "one of 10 test images is 10.00 points, and the accuracy drop allowed is 5.00 points",
  ]);
});

test("says before training that whole pixels become floats from 0 to 1", async () => {
  const model = writeTiny(path("whole.onnx"), forms["whole pixels"]!());
  const asked = { data: writeGreys(path("whole"), 200), depth: 3, epochs: 1, threads: 1 };
  expect((await dryRun({ ...asked, model })).description.data.notes).toContainEqual(
    expect.stringContaining("as uint8, the shipped file float32 from 0 to 1"),
  );
});

test("refuses folders in another order than the model's file names its outputs", async () => {
  const folder = path("named");
  const names = ["ant", "bee", "cat", "dog"];
  const grey = (i: number) =>
    sharp({ create: { width: 8, height: 8, channels: 3, background: shade(i) } });
  const shade = (i: number) => ({ r: levels[i]!, g: levels[i]!, b: levels[i]! });
  for (const part of ["train", "test"]) {
    for (const [i, name] of names.entries()) {
      mkdirSync(join(folder, part, name), { recursive: true });
      for (const n of [1, 2])
        await grey(i)
          .png()
          .toFile(join(folder, part, name, `${n}.png`));
    }
  }
  const write = (name: string, list: string) => {
    const model = path(name);
    writeFileSync(model, withProperty(encodeModel(nearestLevel()), "names", list));
    return model;
  };
  const model = write("cat first.onnx", "{0: 'cat', 1: 'bee', 2: 'ant', 3: 'dog'}");
  const asked = { model, data: `images:${folder}`, depth: 3, epochs: 1, batchSize: 4, threads: 1 };
  const doubt = new RegExp(
    `output 0 is "cat" there, and "ant" in the data. --classes '${model}' takes its order`,
  );
  await expect(dryRun(asked)).rejects.toThrow(DataError);
  await expect(dryRun(asked)).rejects.toThrow(doubt);
  expect(await doubts(asked)).toEqual([expect.stringMatching(doubt)]);
  expect(await doubts({ ...asked, classes: model })).toEqual([]);
  expect(await dryRun({ ...asked, classes: model })).toMatchObject({ epochs: 1 });
  expect(await dryRun({ ...asked, acceptOriginal: true })).toMatchObject({ epochs: 1 });
  for (const [name, list] of Object.entries({
    "same.onnx": "ant,bee,cat,dog",
    "others.onnx": "cat,bee,ant,fox",
    "broken.onnx": "{1: 'cat'}",
  })) {
    expect(await doubts({ ...asked, model: write(name, list) })).toEqual([]);
  }
});

test("tells of outputs that no class of the data stands for, where classes are called by their numbers", async () => {
  const folder = path("numbers");
  for (const part of ["train", "test"]) {
    for (const label of [0, 1]) {
      mkdirSync(join(folder, part, String(label)), { recursive: true });
      const [r, g, b] = Array(3).fill(levels[label]) as [number, number, number];
      const create = { width: 8, height: 8, channels: 3, background: { r, g, b } } as const;
      await sharp({ create })
        .png()
        .toFile(join(folder, part, String(label), "1.png"));
    }
  }
  const model = writeTiny(path("numbers.onnx"), nearestLevel());
  const asked = { model, data: `images:${folder}`, threads: 1 };
  const { description } = await dryRun({ ...asked, depth: 3, epochs: 1, batchSize: 2 });
  expect(description.data.notes).toContain(
    `2 of the model's 4 outputs have no image to learn from or to judge by: ${folder} (train) knows the classes 0 to 1 alone`,
  );
  const notes: string[] = [];
  await evaluateModel({ ...asked, onNote: (note) => notes.push(note) });
  expect(notes).toContain(
    `2 of the model's 4 outputs have no image to judge by: ${folder} (test) knows the classes 0 to 1 alone`,
  );
});

/** What `evaluate` warns of, but that few images say little. */
async function doubts(options: EvaluateOptions): Promise<string[]> {
  const { warnings } = await evaluateModel(options);
  return warnings.filter((warning) => !warning.startsWith("few images to judge by"));
}
