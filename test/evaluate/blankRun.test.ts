// What a run on blank images shows of a network.
import { expect, test } from "vitest";
import { ModelError } from "../../src/errors.ts";
import { runBlank } from "../../src/evaluate/blankRun.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { int64 } from "../graph/graphs.ts";

/** A network on images [3, 8, 8] that brings the scores of four classes to a shape. */
function shaped(...sizes: readonly number[]): Graph {
  const build = new GraphBuilder({ seed: 1 });
  const pooled = build.flatten(build.globalAveragePool(build.input("image", ["N", 3, 8, 8])));
  const scores = build.linear(pooled, { name: "fc", outputs: 4 });
  build.output(build.node("Reshape", [scores, build.initializer("sizes", int64(...sizes))]), "y");
  return build.build();
}

test("a row of scores for each image passes", () => {
  expect(() => runBlank(shaped(-1, 4), [3, 8, 8])).not.toThrow();
});

test.each([
  ["one row for all images", [1, -1], "[1, 8]"],
  ["rows behind another axis", [1, -1, 4], "[1, 2, 4]"],
  ["the numbers of all images without rows", [-1], "[8]"],
])("%s is refused", (_, sizes, given) => {
  const run = () => runBlank(shaped(...sizes), [3, 8, 8]);
  expect(run).toThrow(ModelError);
  expect(run).toThrow(`[2, classes] for 2 images, a row of scores for each, but it gives ${given}`);
});
