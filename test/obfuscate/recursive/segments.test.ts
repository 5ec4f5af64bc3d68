import { describe, expect, test } from "vitest";
import { Network } from "../../../src/engine/index.ts";
import { findBoundary } from "../../../src/graph/cuts.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { subgraph } from "../../../src/graph/rewrites.ts";
import { inferShapes } from "../../../src/graph/shapes.ts";
import { fromFloat32 } from "../../../src/graph/tensorData.ts";
import { resnet } from "../../../src/models/index.ts";
import { planChain } from "../../../src/obfuscate/plan.ts";
import {
  foldProjector,
  levelGraph,
  outputOf,
  startFrom,
} from "../../../src/obfuscate/recursive/levelGraph.ts";
import {
  assignCuts,
  levelsOf,
  type Segment,
  segmentTree,
} from "../../../src/obfuscate/recursive/segments.ts";
import { conv2d, manualSeed, randn, type Tensor, tensor } from "../../../src/torch/index.ts";

const original = resnet({ depth: 20, shape: [3, 16, 16] });
const facts = inferShapes(original);
const boundary = findBoundary(original, facts);
const input = original.inputs[0]!.name;
const extractor = subgraph(original, { inputs: [input], outputs: [boundary.tensor] });
const shapeOf = (name: string) => facts.get(name)!.shape.slice(1);

function planned(depth: number) {
  const plan = planChain(extractor, facts, { depth, boundary });
  const cuts = assignCuts(extractor, facts, plan);
  return { plan, cuts, root: segmentTree(cuts, { from: input, to: boundary.tensor }) };
}

const count = ({ first, last }: Segment) => last - first + 1;

describe("the tree of segments", () => {
  for (const depth of [2, 3, 5, 7, 9]) {
    test(`halves a chain of ${depth} down to segments without a cut inside`, () => {
      const { cuts, root } = planned(depth);
      const visit = ({ first, last, from, to, parts }: Segment): number => {
        if (!parts) {
          expect(cuts.slice(first - 1, last - 1).every((cut) => cut === null)).toBe(true);
          return last - first + 1;
        }
        const [left, right] = parts;
        expect([left.first, left.from, right.last, right.to]).toEqual([first, from, last, to]);
        expect([right.first, right.from]).toEqual([left.last + 1, left.to]);
        expect(cuts[left.last - 1]).toBe(left.to);
        return visit(left) + visit(right);
      };
      expect(visit(root)).toBe(depth);
      expect(root).toMatchObject({ first: 1, last: depth, from: input, to: boundary.tensor });
    });
  }

  test("ends every segment at a tensor of its own height and width, in the original's order", () => {
    const { plan, cuts } = planned(7);
    let size = 16;
    const sizes = plan.layers.map(({ pool, stride }) => {
      size = size / stride[0] / (pool ? 2 : 1);
      return size;
    });
    const order = original.nodes.flatMap(({ outputs }) => outputs);
    let before = -1;
    for (const [i, cut] of cuts.entries()) {
      if (cut === null) continue;
      expect(shapeOf(cut).slice(1)).toEqual([sizes[i], sizes[i]]);
      expect(order.indexOf(cut)).toBeGreaterThan(before);
      before = order.indexOf(cut);
    }
    expect(before).toBeGreaterThan(0);
  });

  test("orders levels from the parts to the whole, so that each follows its parts", () => {
    const { root } = planned(7);
    const levels = levelsOf(root);
    expect(levels.at(-1)).toEqual([root]);
    for (const [height, segments] of levels.entries()) {
      for (const { parts } of segments) {
        for (const part of parts ?? []) {
          expect(levels.slice(0, height).some((below) => below.includes(part))).toBe(true);
        }
      }
    }
    expect(levels[0]!.reduce((sum, segment) => sum + count(segment), 0)).toBeLessThanOrEqual(7);
  });
});

describe("composition", () => {
  test("folds a projector exactly into the convolution behind it, borders included", () => {
    manualSeed(1);
    const [x, projector, weight] = [randn([2, 6, 7, 7]), randn([4, 6, 1, 1]), randn([5, 4, 3, 3])];
    const data = (t: Tensor) => fromFloat32(t.shape, t.toTypedArray() as Float32Array);
    const folded = foldProjector(data(weight), data(projector));
    const options = { padding: [1, 1] } as const;
    const expected = conv2d(conv2d(x, projector), weight, options).numbers();
    const values = new Float32Array(folded.data.buffer, folded.data.byteOffset);
    const actual = conv2d(x, tensor(values, { shape: folded.shape }), options).numbers();
    for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 3);
  });

  test("computes what its two parts compute one after the other", () => {
    const { plan, root } = planned(5);
    const [left, right] = root.parts!;
    const context = { seed: 3, shapeOf };
    const parts = levelGraph(plan, [left, right], context);
    const whole = levelGraph(plan, [root], context);
    manualSeed(2);
    const images = randn([2, 3, 16, 16]);
    const run = (graph: Graph, inputs: Record<string, Tensor>, output: string) =>
      new Network(graph).forward(inputs, { outputs: [output] })[output]!;
    const halves = (segment: Segment) =>
      subgraph(parts, { inputs: [`input${segment.first}`], outputs: [outputOf(segment)] });
    const middle = run(halves(left), { [`input${left.first}`]: images }, outputOf(left));
    const expected = run(
      halves(right),
      { [`input${right.first}`]: middle },
      outputOf(right),
    ).numbers();
    const composed = startFrom(whole, parts.initializers, [root]);
    const actual = run(composed, { [`input${root.first}`]: images }, outputOf(root)).numbers();
    const largest = Math.max(...expected.map(Math.abs));
    for (const [i, value] of expected.entries()) {
      expect(Math.abs(value - actual[i]!) / largest).toBeLessThan(1e-5);
    }
  });
});
