// Damaged files, thousands of them: each is read, or refused with a ModelError, and fast.
import { describe, expect, test } from "vitest";
import { ModelError } from "../../src/errors.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { encodeModel, parseModel } from "../../src/onnx/index.ts";
import { generator, type Random } from "../random.ts";
import {
  attribute,
  floats,
  functionProto,
  graph,
  model,
  node,
  packed,
  scalar,
  tensor,
  value,
  withGraph,
} from "./protos.ts";

function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let result = Buffer.from(bytes);
  for (let times = 1 + random(4); times > 0 && result.length > 0; times--) {
    const at = random(result.length);
    const length = 1 + random(Math.min(32, result.length - at));
    const part = result.subarray(at, at + length);
    switch (random(6)) {
      case 0:
        result[at] = random(256);
        break;
      case 1:
        result[at]! ^= 1 << random(8);
        break;
      case 2:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at + length)]);
        break;
      case 3:
        result = Buffer.concat([result.subarray(0, at), part, result.subarray(at)]);
        break;
      case 4:
        result = Buffer.concat([
          result.subarray(0, at),
          Buffer.alloc(length, 0xff),
          result.subarray(at + length),
        ]);
        break;
      default:
        result = result.subarray(0, at);
    }
  }
  return result;
}

function network(): Uint8Array {
  const builder = new GraphBuilder({ name: "net" });
  let x = builder.input("image", ["n", 3, 8, 8]);
  x = builder.relu(
    builder.batchNorm(builder.conv(x, { outputs: 4, kernel: 3, name: "conv" }), { name: "norm" }),
  );
  x = builder.linear(builder.flatten(builder.globalAveragePool(x)), { outputs: 5, name: "fc" });
  builder.output(x, "logits");
  return encodeModel(builder.build());
}

function functionsAndSubgraphs(): Uint8Array {
  const branch = (name: string) =>
    graph({ nodes: [node("Relu", ["a"], [name])], inputs: [], outputs: [value(name, [2])] });
  const choose = node("If", ["c"], ["b"], {
    attributes: [
      attribute("then_branch", 5, [6, branch("p")]),
      attribute("else_branch", 5, [6, branch("q")]),
    ],
  });
  return model({
    graph: graph({
      nodes: [
        node("Constant", [], ["c"], {
          attributes: [attribute("value", 4, [5, tensor("", { type: 9 }, [5, packed([1])])])],
        }),
        node("F", ["x", "c"], ["y"], { domain: "local", name: "call" }),
      ],
    }),
    functions: [functionProto("F", { inputs: ["a", "c"], outputs: ["b"], nodes: [choose] })],
  });
}

function encodings(): Uint8Array {
  return withGraph({
    initializers: [
      scalar("raw"),
      tensor("floats", { dims: [2] }, [4, floats(1, 2)]),
      tensor("ints", { type: 7, dims: [3] }, [7, packed([1, -1n, 300])]),
      tensor("bytes", { type: 3, dims: [2] }, [5, packed([1, 2])]),
      tensor("unsigned", { type: 13, dims: [1] }, [11, packed([2n ** 63n])]),
    ],
  });
}

const seconds = 2;

describe.each([
  ["a network", network],
  ["functions and subgraphs", functionsAndSubgraphs],
  ["all encodings", encodings],
])("%s, damaged", (_, build) => {
  test("is read or refused, 2000 times", () => {
    const seed = build();
    parseModel(seed);
    const outcomes = { read: 0, refused: 0 };
    for (let number = 0; number < 2000; number++) {
      const bytes = mutate(seed, generator(number));
      const start = performance.now();
      try {
        parseModel(bytes);
        outcomes.read++;
      } catch (error) {
        if (!(error instanceof ModelError)) throw new Error(`mutation ${number}`, { cause: error });
        expect(error.message.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
        expect(error.message.length).toBeLessThan(5000);
        outcomes.refused++;
      }
      expect(performance.now() - start).toBeLessThan(seconds * 1000);
    }
    // Both happen, or the mutations would prove nothing.
    expect(outcomes.read).toBeGreaterThan(20);
    expect(outcomes.refused).toBeGreaterThan(200);
  });
});
