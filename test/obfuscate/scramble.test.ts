import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Network } from "../../src/engine/index.ts";
import { int } from "../../src/graph/attributes.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph, TensorData } from "../../src/graph/graph.ts";
import { normal, uniform } from "../../src/graph/random.ts";
import { foldBatchNorm, renameTensors } from "../../src/graph/rewrites.ts";
import { fromFloat32, fromNumbers, toFloat32 } from "../../src/graph/tensorData.ts";
import { sequential } from "../../src/models/index.ts";
import { scramble } from "../../src/obfuscate/scramble.ts";
import { manualSeed, randn } from "../../src/torch/index.ts";

type Head = keyof typeof heads;

const vector = (build: GraphBuilder, name: string, count: number) =>
  build.initializer(
    name,
    fromFloat32(
      [count],
      uniform({ seed: 6, name }, count).map((u) => u + 0.5),
    ),
  );

/** From a map [N, 5, 4, 4] to rows, as classifiers begin. */
const heads = {
  pooled: (build: GraphBuilder, x: string) => build.flatten(build.globalAveragePool(x)),
  flattened: (build: GraphBuilder, x: string) => build.flatten(x),
  hidden: (build: GraphBuilder, x: string) => {
    const rows = build.flatten(build.globalAveragePool(x));
    return build.relu(build.linear(rows, { name: "hidden", outputs: 7 }));
  },
  "two poolings": (build: GraphBuilder, x: string) => {
    const both = [build.node("GlobalMaxPool", [x]), build.globalAveragePool(x)];
    return build.flatten(build.node("Concat", both, { attributes: { axis: int(1) } }));
  },
  // As fastai writes it: two poolings, batch norm, a hidden layer with batch norm behind its ReLU.
  "two poolings and norms": (build: GraphBuilder, x: string) => {
    const both = [build.node("GlobalMaxPool", [x]), build.globalAveragePool(x)];
    const rows = build.flatten(build.node("Concat", both, { attributes: { axis: int(1) } }));
    const norm = (rows: string, name: string, count: number) =>
      build.node("BatchNormalization", [
        rows,
        ...["s", "b", "m", "v"].map((part) => vector(build, name + part, count)),
      ]);
    const hidden = build.linear(norm(rows, "n1", 10), { name: "hidden", outputs: 7 });
    return norm(build.relu(hidden), "n2", 7);
  },
  "layer norm": (build: GraphBuilder, x: string) => {
    const rows = build.flatten(build.globalAveragePool(x));
    return build.node("LayerNormalization", [rows, vector(build, "g", 5), vector(build, "h", 5)]);
  },
  "a mean of powers, with a factor a channel": (build: GraphBuilder, x: string) => {
    const three = build.initializer("three", fromFloat32([], Float32Array.of(3)));
    const pooled = build.globalAveragePool(build.node("Pow", [x, three]));
    const gain = build.initializer("gain", fromFloat32([5, 1, 1], Float32Array.of(1, 2, 3, 4, 5)));
    return build.flatten(build.node("Mul", [pooled, gain]));
  },
} as const;

/** Two convolutions with biases before one linear layer, or two. */
function chain(head: Head, activation: "Relu" | "Sigmoid" = "Relu"): Graph {
  const build = new GraphBuilder({ seed: 4 });
  let x = build.input("image", ["N", 2, 8, 8]);
  x = build.conv(x, { name: "a", outputs: 6, kernel: 3, padding: 1, bias: true });
  x = build.node(activation, [x]);
  x = build.maxPool(x, { kernel: 2 });
  x = build.relu(build.conv(x, { name: "b", outputs: 5, kernel: 3, padding: 1, bias: true }));
  x = heads[head](build, x);
  build.output(build.linear(x, { name: "fc", outputs: 3 }), "logits");
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

function expectSameFunction(before: Graph, after: Graph): void {
  const [expected, found] = [logits(before), logits(after)];
  const largest = Math.max(...expected.map(Math.abs));
  expect(largest).toBeGreaterThan(1e-3);
  for (const [i, value] of expected.entries()) {
    expect(Math.abs(value - found[i]!) / largest).toBeLessThan(1e-5);
  }
}

function valuesOf(graph: Graph, name: string): Float32Array {
  return toFloat32(graph.initializers.get(name) as TensorData);
}

function sortedMagnitudes(graph: Graph, name: string): number[] {
  return [...valuesOf(graph, name)].map(Math.abs).sort((a, b) => a - b);
}

/** The graph with some parameters changed. */
function withValues(
  graph: Graph,
  change: Readonly<Record<string, (value: number, place: number) => number>>,
): Graph {
  const changed = Object.entries(change).map(([name, f]) => {
    const { shape } = graph.initializers.get(name) as TensorData;
    return [name, fromFloat32(shape, valuesOf(graph, name).map(f))] as const;
  });
  return { ...graph, initializers: new Map([...graph.initializers, ...changed]) };
}

describe("scramble", () => {
  for (const head of Object.keys(heads) as Head[]) {
    for (const activation of ["Relu", "Sigmoid"] as const) {
      test(`keeps the function of a chain with ${activation} under a ${head} head`, () => {
        const graph = chain(head, activation);
        const scrambled = scramble(graph, 7);
        expectSameFunction(graph, scrambled);
        // The last convolution's channels stand in another order.
        const biases = (of: Graph) => [...valuesOf(of, "b.bias")].map(Math.sign);
        expect(biases(scrambled)).not.toEqual(biases(graph));
      });
    }
  }

  test("leaves no weight where and as it was", () => {
    const graph = chain("hidden");
    const scrambled = scramble(graph, 7);
    for (const name of ["a.weight", "a.bias", "b.weight", "hidden.weight", "fc.weight"]) {
      expect(scrambled.initializers.get(name)?.data, name).not.toEqual(
        graph.initializers.get(name)?.data,
      );
    }
    expect(sortedMagnitudes(scrambled, "b.weight")).not.toEqual(
      sortedMagnitudes(graph, "b.weight"),
    );
  });

  test("only permutes in front of an activation that is not homogeneous", () => {
    const graph = chain("pooled", "Sigmoid");
    const scrambled = scramble(graph, 7);
    expect(sortedMagnitudes(scrambled, "a.weight")).toEqual(sortedMagnitudes(graph, "a.weight"));
    expect(scrambled.initializers.get("a.weight")?.data).not.toEqual(
      graph.initializers.get("a.weight")?.data,
    );
  });

  test.each(["relu", "none"] as const)(
    "permutes channels across %s of a planned layer",
    (activation) => {
      const layer = { outputs: 6, kernel: [3, 3], stride: [1, 1], padding: [1, 1] } as const;
      const layers = [1, 2].map(() => ({ ...layer, pool: false, activation }));
      const names: Record<string, string> = { input: "image", features: "logits" };
      const graph = renameTensors(
        foldBatchNorm(sequential(layers, { shape: [2, 8, 8] })),
        (name) => names[name] ?? name,
      );
      const scrambled = scramble(graph, 7);
      expectSameFunction(graph, scrambled);
      expect(valuesOf(scrambled, "conv1.weight")).not.toEqual(valuesOf(graph, "conv1.weight"));
      const magnitudes = [graph, scrambled].map((each) => sortedMagnitudes(each, "conv1.weight"));
      expect(magnitudes[1]).not.toEqual(magnitudes[0]);
    },
  );

  test("depends on the seed and the graph alone", () => {
    const graph = chain("pooled");
    expect(scramble(graph, 7)).toEqual(scramble(graph, 7));
    expect(scramble(graph, 7)).not.toEqual(scramble(graph, 8));
  });

  test("gives other weights another order, so that the seed does not tell it", () => {
    // Each of the first convolution's channels has its number for a bias, and the same weights before and behind it.
    const numbered = (other: number) =>
      withValues(chain("pooled"), {
        "a.weight": () => 1,
        "a.bias": (_, place) => place + 1,
        "b.weight": () => 1,
        "fc.bias": () => other,
      });
    const orderIn = (graph: Graph) => {
      const least = Math.min(...valuesOf(graph, "a.bias"));
      return [...valuesOf(graph, "a.bias")].map((value) => Math.round(value / least));
    };
    const [first, second] = [1, 2].map((other) => orderIn(scramble(numbered(other), 7)));
    expect(first!.toSorted()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(second).not.toEqual(first);
    expect(second!.toSorted()).toEqual(first!.toSorted());
  });

  test("leaves channels alone that two nodes read, or that leave the graph", () => {
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

  test("leaves weights alone that two layers share", () => {
    const build = new GraphBuilder();
    let x = build.input("image", ["N", 2, 8, 8]);
    x = build.relu(build.conv(x, { name: "a", outputs: 2, kernel: 1, bias: true }));
    x = build.node("Conv", [x, "a.weight", "a.bias"]);
    build.output(build.linear(build.flatten(x), { name: "fc", outputs: 3 }), "logits");
    const graph = build.build();
    expect(scramble(graph, 7)).toEqual(graph);
  });
});

/** As `chain`, with what stands behind the last convolution's ReLU, [N, 5, 4, 4]; gives the logits' name. */
function chainBefore(rest: (build: GraphBuilder, x: string) => string): Graph {
  const build = new GraphBuilder({ seed: 4 });
  const image = build.input("image", ["N", 2, 8, 8]);
  const a = build.conv(image, { name: "a", outputs: 6, kernel: 3, padding: 1, bias: true });
  const pooled = build.maxPool(build.relu(a), { kernel: 2 });
  const b = build.conv(pooled, { name: "b", outputs: 5, kernel: 3, padding: 1, bias: true });
  build.output(rest(build, build.relu(b)), "logits");
  const graph = build.build();
  const drawn = ["a.bias", "b.bias"].map((name) => {
    const { shape } = graph.initializers.get(name) as TensorData;
    return [name, fromFloat32(shape, normal({ seed: 5, name }, shape[0]!))] as const;
  });
  return { ...graph, initializers: new Map([...graph.initializers, ...drawn]) };
}

describe("the function stays as it is", () => {
  const linear = (build: GraphBuilder, x: string, name = "fc", outputs = 3) =>
    build.linear(x, { name, outputs });
  const pooled = (build: GraphBuilder, x: string) => build.flatten(build.globalAveragePool(x));
  const joined = (build: GraphBuilder, parts: readonly string[], axis = 1) =>
    build.node("Concat", parts, { attributes: { axis: int(axis) } });
  const matrix = (build: GraphBuilder, name: string, shape: readonly [number, number]) =>
    build.initializer(name, fromFloat32(shape, normal({ seed: 7, name }, shape[0] * shape[1])));

  test.each<[string, (build: GraphBuilder, x: string) => string]>([
    [
      "where each channel has a convolution of its own",
      (build, x) => {
        const options = { name: "depthwise", outputs: 5, kernel: 3, groups: 5, bias: true };
        return linear(build, pooled(build, build.conv(x, options)));
      },
    ],
    [
      "where two layers read the channels",
      (build, x) => {
        const row = pooled(build, x);
        return build.add(linear(build, row), linear(build, row, "other"));
      },
    ],
    [
      "where two layers share a bias",
      (build, x) => {
        const weight = build.initializer(
          "next.weight",
          fromFloat32([5, 5, 1, 1], normal({ seed: 7, name: "next" }, 25)),
        );
        return linear(build, pooled(build, build.relu(build.node("Conv", [x, weight, "b.bias"]))));
      },
    ],
    [
      "where a layer adds one number to all that it gives",
      (build, x) => {
        const one = build.initializer("one", fromFloat32([1], Float32Array.of(0.25)));
        const weight = matrix(build, "hidden", [5, 7]);
        return linear(build, build.relu(build.node("Gemm", [pooled(build, x), weight, one])));
      },
    ],
    [
      "where a bias is a row",
      (build, x) => {
        const inputs = [pooled(build, x), matrix(build, "hidden", [5, 7])];
        const row = matrix(build, "row", [1, 7]);
        return linear(build, build.relu(build.node("Gemm", [...inputs, row])));
      },
    ],
    [
      "where two nodes read a number for each channel",
      (build, x) => {
        const gain = vector(build, "gain", 5);
        const row = build.node("Mul", [pooled(build, x), gain]);
        return linear(build, build.node("Add", [row, gain]));
      },
    ],
    [
      "where a batch norm has one vector for its scale and its variance",
      (build, x) => {
        const [both, shift, mean] = ["both", "shift", "mean"].map((n) => vector(build, n, 5));
        const inputs = [pooled(build, x), both!, shift!, mean!, both!];
        return linear(build, build.node("BatchNormalization", inputs));
      },
    ],
    [
      "where pixels and their means stand side by side",
      (build, x) => linear(build, joined(build, [build.flatten(x), pooled(build, x)])),
    ],
    [
      "where maps stand above each other",
      (build, x) => {
        const largest = build.node("GlobalMaxPool", [x]);
        return linear(
          build,
          build.flatten(joined(build, [largest, build.globalAveragePool(x)], 2)),
        );
      },
    ],
    [
      "where rows of pixels become channels",
      (build, x) => {
        const sizes = build.initializer("sizes", fromNumbers("int64", [4], [-1, 10, 2, 4]));
        const options = { name: "c", outputs: 4, kernel: 1, bias: true };
        return linear(build, pooled(build, build.conv(build.node("Reshape", [x, sizes]), options)));
      },
    ],
    [
      "where each channel's pixels become a row",
      (build, x) => {
        const [rows, whole] = [
          [-1, 16],
          [-1, 35],
        ].map((sizes, i) => build.initializer(`sizes${i}`, fromNumbers("int64", [2], sizes)));
        const hidden = linear(build, build.node("Reshape", [x, rows!]), "hidden", 7);
        return linear(build, build.node("Reshape", [build.relu(hidden), whole!]));
      },
    ],
    [
      "where something else stands beside the channels",
      (build, x) => {
        const image = build.maxPool("image", { kernel: 2 });
        const both = build.conv(joined(build, [x, image]), { name: "c", outputs: 4, kernel: 1 });
        return linear(build, pooled(build, build.relu(both)));
      },
    ],
    [
      "where a factor is one of each column of pixels, as many as there are channels",
      (build, x) => {
        const narrow = build.relu(build.conv(x, { name: "c", outputs: 4, kernel: 1, bias: true }));
        return linear(build, build.flatten(build.node("Mul", [narrow, vector(build, "gain", 4)])));
      },
    ],
  ])("%s", (_, rest) => {
    const graph = chainBefore(rest);
    expectSameFunction(graph, scramble(graph, 7));
  });

  test.each(["Abs", "Celu", "Clip", "Elu", "Erf", "HardSigmoid", "HardSwish", "Softplus"])(
    "behind %s, where channels only change places",
    (operator) => {
      const limits = { Clip: ["low", "high"] }[operator] ?? [];
      const graph = chainBefore((build, x) => {
        const bounds = limits.map((name, i) =>
          build.initializer(name, fromFloat32([], Float32Array.of(i - 0.25))),
        );
        const hidden = linear(build, pooled(build, x), "hidden", 7);
        return linear(build, build.node(operator, [hidden, ...bounds]));
      });
      const scrambled = scramble(graph, 7);
      expectSameFunction(graph, scrambled);
      expect(sortedMagnitudes(scrambled, "fc.weight")).toEqual(
        sortedMagnitudes(graph, "fc.weight"),
      );
      expect(valuesOf(scrambled, "fc.weight")).not.toEqual(valuesOf(graph, "fc.weight"));
    },
  );
});

describe("canonical scale", () => {
  test.each(["pooled", "flattened", "hidden"] as const)(
    "is the same whatever positive factors the trained chain had: %s",
    (head) => {
      const graph = chain(head);
      const canonical = scramble(graph, 7);
      const property = fc.property(fc.integer({ min: 0, max: 1000 }), (seed) => {
        const factor = (name: string, count: number) =>
          uniform({ seed, name }, count).map((u) => 10 ** (6 * u - 3));
        const [a, b] = [factor("a", 6), factor("b", 5)];
        const after = head === "hidden" ? "hidden.weight" : "fc.weight";
        const block = head === "flattened" ? 16 : 1;
        const scaled = withValues(graph, {
          "a.weight": (value, place) => value * a[Math.floor(place / 18)]!,
          "a.bias": (value, place) => value * a[place]!,
          "b.weight": (value, place) =>
            (value * b[Math.floor(place / 54)]!) / a[Math.floor(place / 9) % 6]!,
          "b.bias": (value, place) => value * b[place]!,
          [after]: (value, place) => value / b[Math.floor(place / block) % 5]!,
        });
        // Their order is another one: it follows from the weights before.
        const result = scramble(scaled, 7);
        for (const name of result.initializers.keys()) {
          const found = valuesOf(result, name).sort();
          for (const [place, value] of valuesOf(canonical, name).sort().entries()) {
            expect(Math.abs(found[place]! - value), name).toBeLessThanOrEqual(
              2e-6 * Math.abs(value),
            );
          }
        }
      });
      fc.assert(property, { numRuns: 20 });
    },
  );

  /** image → 1×1 convolution with two channels → ReLU → 1×1 convolution, by hand. */
  function small(first: number[], bias: number[], second: number[]): Graph {
    const build = new GraphBuilder();
    let x = build.input("image", ["N", 1, 8, 8]);
    x = build.relu(build.conv(x, { name: "a", outputs: 2, kernel: 1, bias: true }));
    build.output(build.conv(x, { name: "b", outputs: 1, kernel: 1 }), "logits");
    return withValues(build.build(), {
      "a.weight": (_, place) => first[place]!,
      "a.bias": (_, place) => bias[place]!,
      "b.weight": (_, place) => second[place]!,
    });
  }

  const cases = [
    [
      "the weights on both sides are equally large",
      [8, -1],
      [4, 6],
      [2, 9],
      [4, -3],
      [2, 18],
      [4, 3],
    ],
    [
      "a channel that is always 0 is written as such",
      [8, 0],
      [4, 0],
      [2, 9],
      [4, 0],
      [2, 0],
      [4, 0],
    ],
    ["so is one that nothing reads", [8, 5], [4, 3], [2, 0], [4, 0], [2, 0], [4, 0]],
    ["a channel without weights goes by its bias", [8, 0], [4, 4], [2, 9], [4, 0], [2, 6], [4, 6]],
  ] as const;
  test.each(cases)("%s", (_, first, bias, second, newFirst, newBias, newSecond) => {
    const scrambled = scramble(small([...first], [...bias], [...second]), 7);
    const isSwapped = Math.abs(valuesOf(scrambled, "b.weight")[0]! - newSecond[0]) > 1e-6;
    const ordered = (values: Iterable<number>) => (isSwapped ? [...values].reverse() : [...values]);
    const expectClose = (name: string, expected: readonly number[]) => {
      for (const [i, value] of ordered(valuesOf(scrambled, name)).entries()) {
        expect(value, name).toBeCloseTo(expected[i]!, 5);
      }
    };
    expectClose("a.weight", newFirst);
    expectClose("a.bias", newBias);
    expectClose("b.weight", newSecond);
  });

  test("makes every channel's weights as large before ReLU as behind it", () => {
    const scrambled = scramble(chain("pooled"), 7);
    const norms = (name: string, channelOf: (place: number) => number, channels: number) => {
      const sums = new Float64Array(channels);
      for (const [place, value] of valuesOf(scrambled, name).entries()) {
        sums[channelOf(place)]! += value ** 2;
      }
      return sums;
    };
    const before = norms("a.weight", (place) => Math.floor(place / 18), 6);
    const after = norms("b.weight", (place) => Math.floor(place / 9) % 6, 6);
    for (const [i, value] of before.entries()) expect(after[i]! / value).toBeCloseTo(1, 5);
  });

  test("ends on weights that are not numbers", () => {
    const graph = withValues(chain("pooled"), { "b.weight": () => Number.NaN });
    expect(scramble(graph, 7).nodes).toEqual(graph.nodes);
  });
});
