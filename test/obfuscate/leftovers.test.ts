// What a sealed file still shows of the original beyond its linear layers.
import { expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { leftoversOf } from "../../src/obfuscate/leftovers.ts";
import { planOriginal, untrainedChain } from "../../src/obfuscate/original.ts";
import { float32 } from "../graph/graphs.ts";

/** Four convolutions under a head; the second map is where the boundary may lie. */
function original(head: (build: GraphBuilder, pooled: string) => string = (_, x) => x) {
  const build = new GraphBuilder({ seed: 2 });
  let x = build.input("image", ["N", 1, 8, 8]);
  const maps: string[] = [];
  for (const name of ["a", "b", "c", "d"]) {
    x = build.relu(build.conv(x, { name, outputs: 4, kernel: 3, padding: 1 }));
    maps.push(x);
  }
  const pooled = head(build, build.flatten(build.globalAveragePool(x)));
  build.output(build.linear(pooled, { name: "head", outputs: 4 }), "logits");
  return { graph: build.build(), second: maps[1]! };
}

function leftovers({ graph }: { graph: ReturnType<GraphBuilder["build"]> }, boundary?: string) {
  const asked = { model: "original.onnx", depth: 3, ...(boundary && { boundary }) };
  const planned = planOriginal(graph, [1, 8, 8], asked);
  return leftoversOf(untrainedChain(planned).sealed, planned.plan.layers.length);
}

test("nothing is left where the chain ends ahead of pooling and a linear layer", () => {
  expect(leftovers(original())).toEqual([]);
});

test("convolutions behind the boundary are counted", () => {
  const model = original();
  expect(leftovers(model, model.second)).toEqual([
    "the file holds 2 convolutions of the original as they are, since the boundary lies before them",
  ]);
});

test("a head across which no channel is scrambled is told of", () => {
  const normalized = original((build, x) => build.node("Softmax", [x]));
  expect(leftovers(normalized)).toEqual([
    expect.stringMatching(/^the chain's last channels keep the order and scale of the original's/),
  ]);
});

test.each([
  ["a norm", (build: GraphBuilder, x: string) => layerNorm(build, x)],
  ["Tanh", (build: GraphBuilder, x: string) => build.node("Tanh", [x])],
])("a head across which no channel is scaled is told of: %s", (_, head) => {
  expect(leftovers(original(head))).toEqual([
    expect.stringMatching(
      /^the chain's last channels keep the scale of the original's, though not the order/,
    ),
  ]);
});

function layerNorm(build: GraphBuilder, x: string): string {
  const [scale, bias] = [
    build.initializer("scale", float32([4])),
    build.initializer("bias", float32([4])),
  ];
  return build.node("LayerNormalization", [x, scale, bias]);
}
