// Damaged graphs: the analyses refuse them with a ModelError or answer, and soon.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ModelError } from "../../src/errors.ts";
import { countCost } from "../../src/graph/cost.ts";
import { findBoundary, findCutPoints } from "../../src/graph/cuts.ts";
import type { Attribute, Graph, Node, TensorData } from "../../src/graph/graph.ts";
import {
  cutGraph,
  foldBatchNorm,
  foldConstants,
  freeBatch,
  stripNames,
} from "../../src/graph/rewrites.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromNumbers } from "../../src/graph/tensorData.ts";
import { architectures } from "../../src/models/index.ts";
import { graph, int64, node } from "./graphs.ts";

const shapeArithmetic = graph({
  inputs: { x: ["N", 4, 6, 6] },
  initializers: {
    axis: int64(1),
    two: int64(2),
    end: int64(4),
    index: int64(0),
    pads: int64(0, 0, 1, 1, 0, 0, 1, 1),
    k: int64(3),
  },
  nodes: [
    node("Shape", ["x"], "shape"),
    node("Slice", ["shape", "axis", "end", "index", "axis"], "sizes"),
    node("Gather", ["sizes", "index"], "first", { axis: 0 }),
    node("Mul", ["first", "two"], "double"),
    node("Div", ["double", "two"], "half"),
    node("Range", ["index", "double", "axis"], "range"),
    node("Concat", ["half", "range"], "joined", { axis: 0 }),
    node("ReduceProd", ["joined"], "product", { keepdims: 1 }),
    node("ConstantOfShape", ["sizes"], "zeros", {
      value: { type: "tensor", value: fromNumbers("float32", [1], [0]) },
    }),
    node("Expand", ["x", "shape"], "wide"),
    node("Pad", ["wide", "pads"], "padded"),
    node("Split", ["padded"], ["left", "right"], { axis: 1 }),
    node("Transpose", ["left"], "turned", { perm: [0, 1, 3, 2] }),
    node("Tile", ["turned", "shape"], "tiled"),
    node("TopK", ["right", "k"], ["top", "where"], { axis: -1 }),
    node("Unsqueeze", ["top", "axis"], "more"),
    node("Squeeze", ["more", "axis"], "fewer"),
    node("Resize", ["padded", "", "", "shape"], "resized"),
    node("OneHot", ["where", "k", "two"], "hot"),
    node("Unsqueeze", ["index", "axis"], "column"),
    node("ScatterND", ["shape", "column", "index"], "scattered"),
    node("Einsum", ["x", "x"], "inner", { equation: "nchw,ndhw->ncd" }),
    node("DepthToSpace", ["x"], "spread", { blocksize: 2 }),
  ],
  outputs: ["tiled", "hot", "resized", "inner"],
});

const subjects: readonly Graph[] = [
  architectures.resnet8!({ shape: [1, 8, 8] }),
  { ...shapeArithmetic, opset: 17 },
];

const numbers = fc.oneof(
  fc.constantFrom(0, 1, -1, 2, 3, 7, 2 ** 20, 2 ** 31, 2 ** 53 - 1, -(2 ** 53) + 1),
  fc.integer({ min: -5, max: 9 }),
);

const attributeValues: fc.Arbitrary<Attribute> = fc.oneof(
  numbers.map((value) => ({ type: "int", value }) as const),
  fc.array(numbers, { maxLength: 9 }).map((value) => ({ type: "ints", value }) as const),
  fc
    .constantFrom("", "SAME_UPPER", "NOTSET", "nonsense", "a->", "...,->")
    .map((value) => ({ type: "string", value }) as const),
  fc.double().map((value) => ({ type: "float", value }) as const),
);

const constants: fc.Arbitrary<TensorData> = fc.oneof(
  fc.array(numbers, { maxLength: 6 }).map((values) => int64(...values)),
  fc.constantFrom(NaN, 1e300, -0.5).map((value) => fromNumbers("float32", [], [value])),
  fc.constant(fromNumbers("float32", [0, 3], [])),
);

type Damage = (model: Graph) => Graph;

const changeNode =
  (index: number, change: (node: Node) => Node): Damage =>
  (model) => ({
    ...model,
    nodes: model.nodes.map((each, i) => (i === index % model.nodes.length ? change(each) : each)),
  });

const damages: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(fc.nat(), fc.nat(), attributeValues).map(([index, which, value]) =>
    changeNode(index, (each) => {
      const names = [...Object.keys(each.attributes), "axis", "axes", "kernel_shape", "group"];
      return { ...each, attributes: { ...each.attributes, [names[which % names.length]!]: value } };
    }),
  ),
  fc.nat().map((index) => changeNode(index, (each) => ({ ...each, inputs: each.inputs.slice(1) }))),
  fc
    .nat()
    .map((index) => changeNode(index, (each) => ({ ...each, inputs: each.inputs.toReversed() }))),
  fc.nat().map((index) => changeNode(index, (each) => ({ ...each, attributes: {} }))),
  fc.tuple(fc.nat(), fc.nat()).map(
    ([index, from]): Damage =>
      (model) =>
        changeNode(index, (each) => ({
          ...each,
          operator: model.nodes[from % model.nodes.length]!.operator,
        }))(model),
  ),
  fc.tuple(fc.nat(), constants).map(
    ([index, value]): Damage =>
      (model) => {
        const names = [...model.initializers.keys()];
        return {
          ...model,
          initializers: new Map([...model.initializers, [names[index % names.length]!, value]]),
        };
      },
  ),
  fc.constantFrom(7, 9, 11, 13, 18, 21).map(
    (opset): Damage =>
      (model) => ({ ...model, opset }),
  ),
);

function analyse(model: Graph): void {
  const facts = inferShapes(model);
  countCost(model, facts);
  const folded = stripNames(foldBatchNorm(foldConstants(model)));
  freeBatch(folded);
  const known = inferShapes(folded);
  findCutPoints(folded, known);
  cutGraph(folded, findBoundary(folded, known).tensor, known);
}

describe("damaged graphs", () => {
  test("are sound before", () => {
    for (const { nodes, ...rest } of subjects) {
      const facts = inferShapes({ ...rest, nodes });
      for (const { outputs } of nodes)
        for (const name of outputs) expect(facts.has(name)).toBe(true);
    }
  });

  test("are answered or refused with a ModelError", () => {
    let refused = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...subjects),
        fc.array(damages, { minLength: 1, maxLength: 3 }),
        (subject, all) => {
          const start = performance.now();
          try {
            analyse(all.reduce((model, damage) => damage(model), subject));
          } catch (error) {
            if (!(error instanceof ModelError)) throw error;
            refused++;
          }
          expect(performance.now() - start).toBeLessThan(5_000);
        },
      ),
      { numRuns: 1_500, seed: 11 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});
