import { describe, expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { fromNumbers, toNumbers } from "../../src/graph/tensorData.ts";
import { appendLayers } from "../../src/models/index.ts";
import type { Layer, Overparameterization } from "../../src/models/sequential.ts";
import {
  foldOverparameterized,
  startOverparameterized,
} from "../../src/obfuscate/overparameterize.ts";
import { evaluate, relativeDifference } from "../graph/onnxruntime.ts";

const input = [2, 3, 12, 20] as const;

function chain(layers: readonly Layer[], overparameterized: Overparameterization): Graph {
  const build = new GraphBuilder({ seed: 5 });
  const image = build.input("image", ["N", ...input.slice(1)]);
  build.output(appendLayers(build, image, { layers, first: 1, overparameterized }), "features");
  return build.build();
}

function layer(size: number, changes: Partial<Layer> = {}): Layer {
  const each = (value: number) => [value, value] as const;
  return {
    ...{ outputs: 6, kernel: each(size), stride: each(1), padding: each((size - 1) / 2) },
    ...{ pool: false, activation: "relu" as const, ...changes },
  };
}

const additionsTo = (graph: Graph) =>
  [...graph.initializers.keys()].filter((name) => /^(branch|stacked)/.test(name));

const withWeights = (graph: Graph, initializers: Graph["initializers"]) => ({
  ...graph,
  initializers,
});

async function difference(a: Graph, b: Graph): Promise<number> {
  const results = [await evaluate(a, { image: input }), await evaluate(b, { image: input })];
  return relativeDifference(results[0]!.features!, results[1]!.features!);
}

describe.each<[string, Layer]>([
  ["stride 1", layer(3)],
  ["stride 2", layer(3, { stride: [2, 2] })],
  ["pooling", layer(3, { pool: true })],
  ["a kernel of 5 with stride 3", layer(5, { stride: [3, 3] })],
  [
    "a kernel of 3 by 5 with strides 2 and 1",
    layer(3, { kernel: [3, 5], padding: [1, 2], stride: [2, 1] }),
  ],
])("an addition to a convolution with %s", (_, one) => {
  const layers = [one, layer(3, { activation: "none" })];
  const plain = chain(layers, "none");

  test.each([
    ["branches", "branch"],
    ["stacked", "stacked"],
  ] as const)("folds into it exactly, borders included: %s", async (kind, name) => {
    const drawn = chain(layers, kind);
    expect(additionsTo(drawn)).toEqual([`${name}1.weight`, `${name}2.weight`]);
    const folded = foldOverparameterized(drawn.initializers);
    expect([...folded.keys()].sort()).toEqual([...plain.initializers.keys()].sort());
    expect(await difference(drawn, withWeights(plain, folded))).toBeLessThan(1e-5);
    expect(await difference(drawn, plain)).toBeGreaterThan(1e-2);
  });

  test.each(["branches", "stacked"] as const)("changes nothing at the start: %s", async (kind) => {
    const started = startOverparameterized(chain(layers, kind));
    expect(await difference(plain, started)).toBeLessThan(1e-5);
  });
});

test.each<[string, Partial<Layer>]>([
  ["without padding", { padding: [0, 0] }],
  ["of even size", { kernel: [4, 4], padding: [1, 1], stride: [2, 2] }],
  ["of size 1", { kernel: [1, 1], padding: [0, 0] }],
])("a kernel %s has no branch", (_, changes) => {
  expect(additionsTo(chain([layer(3, changes)], "branches"))).toEqual([]);
});

test("a convolution and its branch get the same norm; a centre of zero gives none", () => {
  const graph = chain([layer(3, { outputs: 1 }), layer(3, { outputs: 1 })], "branches");
  // |weight|² = 9 + 1 + 4 + 4 = 18 and |centre|² = 1 + 4 + 4 = 9: the branch is all of the centre.
  const first = [
    ...[3, 0, 0, 0, 1, 0, 0, 0, 0],
    ...[0, 0, 0, 0, -2, 0, 0, 0, 0],
    ...[0, 0, 0, 0, 2, 0, 0, 0, 0],
  ];
  const hollow = [1, 0, 0, 0, 0, 0, 0, 0, 0];
  const given = new Map([
    ...graph.initializers,
    ["conv1.weight", fromNumbers("float32", [1, 3, 3, 3], first)] as const,
    ["conv2.weight", fromNumbers("float32", [1, 1, 3, 3], hollow)] as const,
  ]);
  const { initializers } = startOverparameterized(withWeights(graph, given));
  const values = (name: string) => toNumbers(initializers.get(`${name}.weight`)!);
  expect(values("branch1")).toEqual([1, -2, 2]);
  expect(values("conv1")).toEqual([3, ...new Array(26).fill(0)]);
  expect(values("branch2")).toEqual([0]);
  expect(values("conv2")).toEqual(hollow);
});
