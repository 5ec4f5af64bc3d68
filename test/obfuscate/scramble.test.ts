import { describe, expect, it } from "vitest";
import { Network } from "../../src/engine/index.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { normal } from "../../src/graph/random.ts";
import { fromFloat32, toFloat32 } from "../../src/graph/tensorData.ts";
import { scramble } from "../../src/obfuscate/scramble.ts";
import { manualSeed, randn } from "../../src/torch/index.ts";

type Head = "pooled" | "flattened";

function chain(head: Head, activation: "Relu" | "Sigmoid" = "Relu"): Graph {
  const build = new GraphBuilder({ seed: 4 });
  let x = build.input("image", ["N", 2, 8, 8]);
  x = build.conv(x, { name: "a", outputs: 6, kernel: 3, padding: 1, bias: true });
  x = build.node(activation, [x]);
  x = build.maxPool(x, { kernel: 2 });
  x = build.relu(build.conv(x, { name: "b", outputs: 5, kernel: 3, padding: 1, bias: true }));
  if (head === "pooled") x = build.globalAveragePool(x);
  build.output(build.linear(build.flatten(x), { name: "fc", outputs: 3 }), "logits");
  const graph = build.build();
  const biases = [...graph.initializers.entries()].filter(([name]) => name.endsWith(".bias"));
  const drawn = biases.map(([name, { shape }]) => {
    const values = normal({ seed: 5, name }, shape[0] as number);
    return [name, fromFloat32(shape, values)] as const;
  });
  return { ...graph, initializers: new Map([...graph.initializers, ...drawn]) };
}

function logits(graph: Graph): number[] {
  manualSeed(1);
  const network = new Network(graph);
  const results = network.forward({ image: randn([3, 2, 8, 8]) });
  return (results.logits as NonNullable<typeof results.logits>).numbers();
}

function sortedMagnitudes(graph: Graph, name: string): number[] {
  const values = toFloat32(graph.initializers.get(name) as never);
  return [...values].map(Math.abs).sort((a, b) => a - b);
}

describe("scramble", () => {
  for (const head of ["pooled", "flattened"] as const) {
    for (const activation of ["Relu", "Sigmoid"] as const) {
      it(`keeps the function of a chain with ${activation} under a ${head} head`, () => {
        const graph = chain(head, activation);
        const before = logits(graph);
        const after = logits(scramble(graph, 7));
        const largest = Math.max(...before.map(Math.abs));
        for (const [i, value] of before.entries()) {
          expect(Math.abs(value - (after[i] as number)) / largest).toBeLessThan(1e-5);
        }
      });
    }
  }

  it("leaves no weight where and as it was", () => {
    const graph = chain("pooled");
    const scrambled = scramble(graph, 7);
    for (const name of ["a.weight", "a.bias", "b.weight", "fc.weight"]) {
      expect(scrambled.initializers.get(name)?.data, name).not.toEqual(
        graph.initializers.get(name)?.data,
      );
    }
    expect(sortedMagnitudes(scrambled, "b.weight")).not.toEqual(
      sortedMagnitudes(graph, "b.weight"),
    );
  });

  it("only permutes in front of an activation that is not homogeneous", () => {
    const graph = chain("pooled", "Sigmoid");
    const scrambled = scramble(graph, 7);
    expect(sortedMagnitudes(scrambled, "a.weight")).toEqual(sortedMagnitudes(graph, "a.weight"));
    expect(scrambled.initializers.get("a.weight")?.data).not.toEqual(
      graph.initializers.get("a.weight")?.data,
    );
  });

  it("depends on the seed alone", () => {
    const graph = chain("pooled");
    expect(scramble(graph, 7)).toEqual(scramble(graph, 7));
    expect(scramble(graph, 7)).not.toEqual(scramble(graph, 8));
  });

  it("leaves channels alone that two nodes read, or that leave the graph", () => {
    const build = new GraphBuilder();
    const x = build.conv(build.input("image", ["N", 2, 8, 8]), {
      name: "a",
      outputs: 4,
      kernel: 3,
    });
    build.output(build.add(build.relu(x), x), "map");
    const graph = build.build();
    expect(scramble(graph, 7)).toEqual(graph);
  });
});
