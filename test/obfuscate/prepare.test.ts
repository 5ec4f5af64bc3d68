// What is decided before the long work starts, and what is refused.
import { expect, test, vi } from "vitest";
import { ModelError, ResourceError } from "../../src/errors.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { assertFits } from "../../src/jobs/memory.ts";
import { dryRun } from "../../src/obfuscate/dryRun.ts";
import { prepare } from "../../src/obfuscate/prepare.ts";
import { OnnxSession } from "../../src/runtime/index.ts";
import { float32 } from "../graph/graphs.ts";
import { workshop } from "../workshop.ts";
import { writeData, writeTiny } from "./tiny.ts";

vi.mock(import("../../src/jobs/memory.ts"), async (original) => {
  const actual = await original();
  return { ...actual, assertFits: vi.fn(actual.assertFits) };
});

const path = workshop();

/** A network whose pooled features are rounded to 64ths, as quantization in plain operators does. */
function rounded(): Graph {
  const build = new GraphBuilder({ seed: 2 });
  const image = build.input("image", ["N", 1, 8, 8]);
  const map = build.relu(build.conv(image, { name: "a", outputs: 4, kernel: 3, padding: 1 }));
  const last = build.relu(build.conv(map, { name: "b", outputs: 4, kernel: 3, padding: 1 }));
  const scale = build.initializer("scale", float32([], [1 / 64]));
  const features = build.flatten(build.globalAveragePool(last));
  const steps = build.node("Round", [build.node("Div", [features, scale])]);
  const quantized = build.node("Mul", [steps, scale]);
  build.output(build.linear(quantized, { name: "head", outputs: 4 }), "logits");
  return build.build();
}

test("answers without a gradient are refused where the chain learns of them, and only there", async () => {
  const given = {
    model: writeTiny(`${path()}.onnx`, rounded()),
    data: writeData(path()),
    out: path(),
    depth: 3,
    epochs: 1,
    acceptOriginal: true,
  };
  for (const weights of [{}, { labelWeight: 0 }, { distillationWeight: 0 }]) {
    const preparing = prepare({ ...given, ...weights });
    await expect(preparing).rejects.toThrow(ModelError);
    await expect(preparing).rejects.toThrow(
      /come out of Round node .* features alone: --label-weight 0 --distillation-weight 0$/,
    );
  }
  const { options } = await prepare({ ...given, labelWeight: 0, distillationWeight: 0 });
  expect(options).toMatchObject({ featureWeight: 1, labelWeight: 0, distillationWeight: 0 });
});

test("a file that is asked for twice is refused: it would be made twice", async () => {
  const given = { model: writeTiny(`${path("twice")}.onnx`), data: writeData(path("twice")) };
  const asked = { ...given, out: path("twice run"), depth: 4, acceptOriginal: true };
  const preparing = prepare({ ...asked, quantize: ["int8", "fp16", "int8"] });
  await expect(preparing).rejects.toThrow(
    /^--quantize: expected each once, received int8,fp16,int8$/,
  );
});

test.each([
  ["of planning and of --minutes", prepare],
  ["of a dry run", dryRun],
])("a training that does not fit into memory is refused before any step: %s", async (_, work) => {
  vi.mocked(assertFits).mockImplementationOnce(() => {
    throw new ResourceError("too large");
  });
  using running = vi.spyOn(OnnxSession, "open");
  const given = { model: writeTiny(`${path("large")}.onnx`), data: writeData(path("large")) };
  const asked = { ...given, depth: 4, minutes: 1, batchSize: 8, threads: 1, acceptOriginal: true };
  await expect(work({ ...asked, out: path("large run") })).rejects.toThrow("too large");
  expect(vi.mocked(assertFits).mock.lastCall![0].batchSize).toBe(8);
  expect(running).not.toHaveBeenCalled();
});
