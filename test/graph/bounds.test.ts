// Graphs that a small file can hold and that must not cost much: each is answered, or refused with the node's
// name, within two seconds and in few words.
import { describe, expect, test } from "vitest";
import { ModelError } from "../../src/errors.ts";
import { Budget } from "../../src/graph/budget.ts";
import { countCost } from "../../src/graph/cost.ts";
import type { Graph, Node, TensorData } from "../../src/graph/graph.ts";
import {
  compose,
  foldBatchNorm,
  foldConstants,
  freeBatch,
  stripNames,
  subgraph,
  takePixelsAsFloats,
} from "../../src/graph/rewrites.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromNumbers } from "../../src/graph/tensorData.ts";
import { float32, graph, int64, node } from "./graphs.ts";

const seconds = 2;

/** Fails where this takes more of the processor than `seconds`. */
function expectFast<T>(run: () => T): T {
  const start = process.cpuUsage();
  const result = run();
  expect(process.cpuUsage(start).user / 1e6).toBeLessThan(seconds);
  return result;
}

/** Runs every analysis that needs no boundary; what it ends in. */
function analyse(model: Graph): "answered" | string {
  return expectFast(() => {
    try {
      countCost(model, inferShapes(model));
      freeBatch(stripNames(foldBatchNorm(foldConstants(model))));
      return "answered";
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      expect(error.message.length).toBeLessThan(4096);
      return error.message;
    }
  });
}

const empty = (...shape: number[]): TensorData => ({
  dtype: "float32",
  shape,
  data: new Uint8Array(0),
});
const emptyIndices = (...shape: number[]): TensorData => ({
  dtype: "int64",
  shape,
  data: new Uint8Array(0),
});
const [many, most] = [65_536, 2 ** 31 - 1];

/** A graph of constants. */
function ofConstants(initializers: Record<string, TensorData>, ...nodes: Node[]): Graph {
  return graph({ initializers, nodes, outputs: [nodes.at(-1)!.outputs[0]!] });
}

describe("tensors without elements whose other sizes are huge", () => {
  const e = empty(many, many, 0);
  test.each<[string, Graph, readonly number[]]>([
    [
      "Transpose",
      ofConstants({ e }, node("Transpose", ["e"], "t", { perm: [1, 0, 2] })),
      [many, many, 0],
    ],
    [
      "Slice",
      ofConstants(
        { e, start: int64(0), end: int64(1), axis: int64(2) },
        node("Slice", ["e", "start", "end", "axis"], "t"),
      ),
      [many, many, 0],
    ],
    ["Split", ofConstants({ e }, node("Split", ["e"], ["t", "u"])), [many / 2, many, 0]],
    [
      "Expand",
      ofConstants(
        { e: empty(1, 1, 0), to: int64(many, many, 0) },
        node("Expand", ["e", "to"], "t"),
      ),
      [many, many, 0],
    ],
    [
      "Concat, inside",
      ofConstants({ e }, node("Concat", ["e", "e"], "t", { axis: 2 })),
      [many, many, 0],
    ],
    [
      "Concat, outside",
      ofConstants({ e: empty(most, 0) }, node("Concat", ["e", "e"], "t", { axis: 1 })),
      [most, 0],
    ],
    [
      "Gather",
      ofConstants(
        { e: empty(most, 3, 0), index: int64(0, 1, 2) },
        node("Gather", ["e", "index"], "t", { axis: 1 }),
      ),
      [most, 3, 0],
    ],
    [
      "Gather of nothing",
      ofConstants(
        { e: float32([3]), index: emptyIndices(most, 0) },
        node("Gather", ["e", "index"], "t"),
      ),
      [most, 0],
    ],
    [
      "Mul",
      ofConstants({ e: empty(many, 1, 0), f: empty(1, many, 0) }, node("Mul", ["e", "f"], "t")),
      [many, many, 0],
    ],
    [
      "Where",
      ofConstants(
        {
          c: { dtype: "bool", shape: [many, 1, 0], data: new Uint8Array(0) },
          e: empty(1, many, 0),
          f: empty(1, 1, 1),
        },
        node("Where", ["c", "e", "e"], "t"),
      ),
      [many, many, 0],
    ],
    [
      "ScatterND",
      ofConstants(
        { e, index: emptyIndices(most, 0, 1), u: empty(most, 0, many, 0) },
        node("ScatterND", ["e", "index", "u"], "t"),
      ),
      [many, many, 0],
    ],
    [
      "ScatterND of empty rows",
      ofConstants(
        { e: empty(many, 0), index: emptyIndices(most, 0), u: empty(most, many, 0) },
        node("ScatterND", ["e", "index", "u"], "t"),
      ),
      [many, 0],
    ],
    [
      "ReduceSum",
      ofConstants({ e: empty(many, 2, 0), axes: int64(2) }, node("ReduceSum", ["e", "axes"], "t")),
      [many, 2, 1],
    ],
    ["ReduceMax over all", ofConstants({ e }, node("ReduceMax", ["e"], "t")), [1, 1, 1]],
    ["Cast", ofConstants({ e }, node("Cast", ["e"], "t", { to: 7 })), [many, many, 0]],
    ["NonZero", ofConstants({ e }, node("NonZero", ["e"], "t")), [3, 0]],
    [
      "ConstantOfShape",
      ofConstants({ s: int64(most, 0) }, node("ConstantOfShape", ["s"], "t")),
      [most, 0],
    ],
    ["Squeeze", ofConstants({ e: empty(most, 1, 0) }, node("Squeeze", ["e"], "t")), [most, 0]],
  ])("%s", (_, model, shape) => {
    expect(inferShapes(model).get("t")?.shape).toEqual(shape);
    expect(analyse(model)).toBe("answered");
  });
});

describe("long lists", () => {
  const inputs = { x: ["N", 1, 8, 8] };
  const repeat = <T>(count: number, value: T) => Array.from({ length: count }, () => value);

  test("are summed", () => {
    const model = graph({
      inputs,
      nodes: [node("Sum", repeat(130_000, "x"), "y")],
      outputs: ["y"],
    });
    expect(analyse(model)).toBe("answered");
  });

  test.each(["Sum", "Mean", "Min", "Max"])("of numbers are folded by %s", (operator) => {
    const model = ofConstants({ c: int64(3) }, node(operator, repeat(130_000, "c"), "y"));
    const { value } = inferShapes(model).get("y")!;
    expect(value).toEqual(int64(operator === "Sum" ? 390_000 : 3));
    expect(analyse(model)).toBe("answered");
  });

  test("are read in branches", () => {
    const branch = (count: number): Graph => ({
      ...graph({ nodes: [node("Sum", repeat(count, "x"), "z")], outputs: ["z"] }),
    });
    const choose = node("If", ["c"], "y", {
      then_branch: { type: "graph", value: branch(130_000) },
      else_branch: { type: "graph", value: branch(1) },
    });
    const model = graph({
      inputs: { ...inputs, c: { dtype: "bool", shape: [] } },
      nodes: [choose],
      outputs: ["y"],
    });
    expect(analyse(model)).toBe("answered");
  });

  test.each<[string, Graph, string]>([
    [
      "starts",
      graph({
        inputs,
        initializers: { st: int64(...repeat(100_000, 0)), en: int64(1) },
        nodes: [node("Slice", ["x", "st", "en"], "y")],
        outputs: ["y"],
      }),
      'Slice node "y": input 2 has 100000 elements',
    ],
    [
      "axes",
      graph({
        inputs,
        initializers: { axes: int64(...Array.from({ length: 100_000 }, (_, i) => i)) },
        nodes: [node("Unsqueeze", ["x", "axes"], "y")],
        outputs: ["y"],
      }),
      'Unsqueeze node "y": input 2 has 100000 elements',
    ],
    [
      "sizes",
      graph({
        inputs,
        initializers: { to: int64(64, ...repeat(1000, 1)) },
        nodes: [node("Reshape", ["x", "to"], "y")],
        outputs: ["y"],
      }),
      'Reshape node "y": a tensor of 1001 axes; at most 64 are allowed',
    ],
    [
      "strides",
      graph({
        inputs,
        nodes: [node("MaxPool", ["x"], "y", { kernel_shape: [1], strides: repeat(5000, 1) })],
        outputs: ["y"],
      }),
      'MaxPool node "y": "strides" has 5000 elements',
    ],
    [
      "shapes that do not fit",
      graph({
        inputs,
        initializers: { w: float32([7]) },
        nodes: [node("Sum", [...repeat(50_000, "x"), "w"], "y")],
        outputs: ["y"],
      }),
      'Sum node "y": shapes [1, 1, 8, 8] and [7] do not fit together',
    ],
  ])("of %s are refused", (_, model, message) => {
    expect(analyse(model)).toContain(message);
  });

  test("of subscripts are read", () => {
    const letters = (at: number) =>
      Array.from({ length: 64 }, (_, i) => String.fromCodePoint(0x4e00 + at * 64 + i)).join("");
    const terms = Array.from({ length: 300 }, (_, at) => letters(at));
    const model = graph({
      initializers: { w: float32(repeat(64, 1)) },
      nodes: [node("Einsum", repeat(300, "w"), "y", { equation: terms.join(",") })],
      outputs: ["y"],
    });
    expect(analyse(model)).toContain(`"equation" has ${300 * 65 - 1} elements`);
  });
});

describe("many nodes", () => {
  test("that are branches", () => {
    const branch = (name: string) => graph({ nodes: [node("Relu", ["x"], name)], outputs: [name] });
    const nodes = Array.from({ length: 8000 }, (_, i) =>
      node("If", ["c"], `t${i}`, {
        then_branch: { type: "graph", value: branch(`p${i}`) },
        else_branch: { type: "graph", value: branch(`q${i}`) },
      }),
    );
    const model = graph({
      inputs: { x: ["N", 1, 8, 8], c: { dtype: "bool", shape: [] } },
      nodes,
      outputs: ["t0"],
    });
    expect(analyse(model)).toBe("answered");
  });

  test("that share a convolution's weights", () => {
    const nodes = Array.from({ length: 6_000 }, (_, i) => [
      node("Conv", ["x", "w"], `c${i}`),
      node("BatchNormalization", [`c${i}`, "g", "g", "g", "g"], `b${i}`),
    ]).flat();
    const model = graph({
      inputs: { x: ["N", 1, 8, 8] },
      initializers: { w: float32([1, 1, 1, 1]), g: float32([1]) },
      nodes,
      outputs: Array.from({ length: 6_000 }, (_, i) => `b${i}`),
    });
    expect(analyse(model)).toBe("answered");
  });

  test("that fold large constants are refused", () => {
    const big = float32([64, 64]);
    const nodes = Array.from({ length: 20_000 }, (_, i) => node("Add", ["w", "w"], `t${i}`));
    const model = graph({ initializers: { w: big }, nodes, outputs: ["t0"] });
    expect(analyse(model)).toMatch(/^Add node "t\d+": looking at the model takes more work/);
  });

  test("one branch in another, with long names", () => {
    let inner = graph({ nodes: [node("Relu", ["x"], "deep")], outputs: ["deep"] });
    for (let depth = 0; depth < 30; depth++) {
      const choose = node("If", ["yes"], `d${depth}`, {
        then_branch: { type: "graph", value: inner },
        else_branch: { type: "graph", value: graph({ nodes: [], outputs: ["x"] }) },
      });
      const name = "n".repeat(60_000) + depth;
      inner = graph({ nodes: [{ ...choose, name }], outputs: [`d${depth}`] });
    }
    const model = {
      ...inner,
      inputs: [{ name: "x", dtype: "float32", shape: [1, 2] } as const],
      initializers: new Map([["yes", fromNumbers("bool", [], [1])]]),
    };
    expect(analyse(model)).toBe("answered");
  });

  test("whose names stand in each other's way are joined", () => {
    const chain = (from: string, to: string): Graph => {
      const nodes = Array.from({ length: 2000 }, (_, i) =>
        node(
          "Relu",
          [i === 0 ? from : `t${"_".repeat(i - 1)}`],
          i === 1999 ? to : `t${"_".repeat(i)}`,
        ),
      );
      return graph({ inputs: { [from]: ["N", 2] }, nodes, outputs: [to] });
    };
    const joined = expectFast(() => compose(chain("x", "m"), chain("m", "y")));
    expect(inferShapes(joined).get("y")?.shape).toEqual([1, 2]);
  });

  test("that arrange pixels along 2^40 ways", () => {
    const nodes = Array.from({ length: 40 }, (_, i) => [
      node("Identity", [`t${i}`], `a${i}`),
      node("Identity", [`t${i}`], `b${i}`),
      node("Concat", [`a${i}`, `b${i}`], `t${i + 1}`, { axis: 1 }),
    ]).flat();
    const model = graph({
      inputs: { t0: { dtype: "uint8", shape: ["N", 0, 2, 2] } },
      nodes: [...nodes, node("Cast", ["t40"], "y", { to: 1 })],
      outputs: ["y"],
    });
    const taken = expectFast(() => takePixelsAsFloats(model));
    expect(taken.nodes.at(-1)?.operator).toBe("Mul");
  });

  test("that read the same constants again and again are freed of a batch", () => {
    const inputs = Array.from({ length: 50_000 }, () => "w");
    const model = graph({
      inputs: { x: [2, 1, 8, 8] },
      initializers: { w: float32([2, 1, 8, 8]) },
      nodes: [
        node("Concat", inputs, "all", { axis: 1 }),
        node("Concat", ["x", "all", ...inputs], "y", { axis: 1 }),
      ],
      outputs: ["y"],
    });
    expect(analyse(model)).toBe("answered");
  });

  test("whose results are all outputs are cut", () => {
    const names = Array.from({ length: 20_000 }, (_, i) => `t${i}`);
    const model = graph({
      inputs: { x: ["N", 2] },
      nodes: names.map((name) => node("Relu", ["x"], name)),
      outputs: names,
    });
    const cut = expectFast(() => subgraph(model, { inputs: ["x"], outputs: names }));
    expect(cut.nodes).toHaveLength(20_000);
  });
});

test("a budget is spent by what is given, and names the node", () => {
  const budget = new Budget({ steps: 10, bytes: 5 });
  const relu = node("Relu", ["x"], "y");
  budget.spend(relu, { steps: 10, bytes: 5 });
  expect(() => budget.spend(relu, { bytes: 1 })).toThrow('Relu node "y"');
  expect(() => new Budget({ steps: 1 }).spend(relu, { steps: 2 })).toThrow("more work");
});
