// What is found out about both files before an epoch is trained.
import { expect, test } from "vitest";
import { ModelError } from "../../src/errors.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { dryRun } from "../../src/obfuscate/dryRun.ts";
import { int64 } from "../graph/graphs.ts";
import { workshop } from "../workshop.ts";
import { writeData, writeTiny } from "./tiny.ts";

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
