// The quantized files of a shipped one, and whether their figures are true.
import { existsSync, statSync } from "node:fs";
import { expect, test } from "vitest";
import { loadData } from "../../src/data/index.ts";
import { ints } from "../../src/graph/attributes.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Layout } from "../../src/graph/layout.ts";
import { toNumbers } from "../../src/graph/tensorData.ts";
import { quantizeGraph, quantizeShipped } from "../../src/quantize/index.ts";
import { float32, int64 } from "../graph/graphs.ts";
import { tinyResnet, writeData, writeTiny } from "../obfuscate/tiny.ts";
import { accuracyOf, classesOf } from "../train/accuracy.ts";
import { sha256, workshop } from "../workshop.ts";

const path = workshop();
const normalization = { mean: [0.4], std: [0.3] };

/** A chain for 1×8×8 images and four classes. */
function chain(layout: Layout = "NCHW") {
  const build = new GraphBuilder({ seed: 9 });
  let x = build.input("input", layout === "NCHW" ? ["N", 1, 8, 8] : ["N", 8, 8, 1]);
  if (layout === "NHWC") {
    x = build.node("Transpose", [x], { attributes: { perm: ints([0, 3, 1, 2]) } });
  }
  for (const name of ["a", "b"]) {
    const options = { name, outputs: 24, kernel: 3, padding: 1, bias: true };
    x = build.relu(build.maxPool(build.conv(x, options), { kernel: 2 }));
  }
  build.output(build.linear(build.flatten(x), { name: "fc", outputs: 4 }), "logits");
  return build.build();
}

test("writes int8 and fp16 beside the shipped file, and tells the truth about them", async () => {
  const { train, test } = await loadData(writeData(path("data")));
  const original = writeTiny(path("original.onnx"), tinyResnet());
  const graph = chain();
  const shipped = writeTiny(path("model.onnx"), graph);
  const before = await classesOf(shipped, test, normalization);
  const wanted = await classesOf(original, test, normalization);
  const { files, leftOut } = await quantizeShipped({ graph, path: shipped }, ["int8", "fp16"], {
    layout: "NCHW",
    originalClasses: Int32Array.from(wanted),
    train,
    test,
    threads: 1,
    ...normalization,
  });
  expect(leftOut).toEqual([]);
  const share = (first: number[], second: number[]) =>
    first.filter((each, i) => each === second[i]).length / first.length;
  for (const name of ["int8", "fp16"] as const) {
    const model = path(`model.${name}.onnx`);
    const classes = await classesOf(model, test, normalization);
    expect(files[name]).toEqual({
      model,
      accuracy: await accuracyOf(model, test, normalization),
      accuracyInterval: [expect.any(Number), expect.any(Number)],
      agreement: share(wanted, classes),
      bytes: statSync(model).size,
      latencyMs: { batch1: expect.any(Number), batch64: expect.any(Number) },
      sha256: sha256(model),
    });
    expect(files[name]!.latencyMs.batch1).toBeGreaterThan(0);
    expect(share(before, classes)).toBeGreaterThan(0.9);
    expect(files[name]!.bytes).toBeLessThan(0.7 * statSync(shipped).size);
  }
});

test("finds ranges, figures and times on images with their channels last, where the file takes them so", async () => {
  const { train, test } = await loadData(writeData(path("channels last")));
  const quantize = async (layout: Layout) => {
    const graph = chain(layout);
    const shipped = { path: writeTiny(path(`${layout}.onnx`), graph), graph };
    const { files, leftOut } = await quantizeShipped(shipped, ["int8"], {
      layout,
      originalClasses: test.labels!,
      train,
      test,
      threads: 1,
      ...normalization,
    });
    expect(leftOut).toEqual([]);
    const { accuracy, agreement } = files.int8!;
    return { accuracy, agreement };
  };
  expect(await quantize("NHWC")).toEqual(await quantize("NCHW"));
});

test("finds ranges on 512 images from all over the training images, which may lie class by class", async () => {
  const asked: number[] = [];
  const read = async (places: Int32Array) => {
    asked.push(...places);
    return new Uint8Array(64 * places.length).fill(7);
  };
  const train = { name: "many", count: 5120, shape: [1, 8, 8] as const, read };
  await quantizeGraph(chain(), "int8", { train, threads: 1, layout: "NCHW", ...normalization });
  expect(asked).toHaveLength(512);
  for (const tenth of Array.from({ length: 10 }, (_, i) => i)) {
    expect(asked.filter((place) => Math.floor(place / 512) === tenth).length).toBeGreaterThan(20);
  }
});

test.each([Number.NEGATIVE_INFINITY, -3.4e38])(
  "halves may be padded with %s, which pooling passes over",
  async (least) => {
    const build = new GraphBuilder();
    const pads = build.initializer("pads", int64(0, 0, 1, 1, 0, 0, 1, 1));
    const fill = build.initializer("fill", float32([], [least]));
    const x = build.conv(build.input("input", ["N", 1, 8, 8]), {
      name: "a",
      outputs: 8,
      kernel: 3,
    });
    const pooled = build.maxPool(build.node("Pad", [x, pads, fill]), { kernel: 3, padding: 0 });
    build.output(build.linear(build.flatten(pooled), { name: "fc", outputs: 4 }), "logits");
    const { train } = await loadData(writeData(path(`padded with ${least}`)));
    const options = { train, threads: 1, layout: "NCHW", ...normalization } as const;
    await expect(quantizeGraph(build.build(), "fp16", options)).resolves.toBeDefined();
  },
);

test("leaves out a file whose numbers are too large for it, and says why", async () => {
  const { train, test } = await loadData(writeData(path("large data")));
  const built = chain();
  const graph = {
    ...built,
    initializers: new Map(
      [...built.initializers].map(([name, value]) =>
        // Halves end at 65504: these weights are below it, what they give is not.
        name.startsWith("a.")
          ? [
              name,
              float32(
                value.shape,
                toNumbers(value).map((x) => 3e4 * x),
              ),
            ]
          : [name, value],
      ),
    ),
  };
  const shipped = { graph, path: writeTiny(path("large.onnx"), graph) };
  const originalClasses = new Int32Array(test.count);
  const reading = { ...normalization, layout: "NCHW" } as const;
  const asked = { ...reading, originalClasses, train, test, threads: 1 };
  const { files, leftOut } = await quantizeShipped(shipped, ["int8", "fp16"], asked);
  expect(Object.keys(files)).toEqual(["int8"]);
  expect(leftOut).toEqual([
    expect.stringMatching(/^there is no fp16 file: .* values of \d{6} .* float16 ends at 65504/),
  ]);
  expect(existsSync(path("large.fp16.onnx"))).toBe(false);
  expect(existsSync(path("large.int8.onnx"))).toBe(true);
});
