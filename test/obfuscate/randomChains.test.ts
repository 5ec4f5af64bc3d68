// Random chains as they are shipped, batch norms folded and names stripped, against ONNX Runtime and the trained
// network.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Graph } from "../../src/graph/graph.ts";
import { uniform } from "../../src/graph/random.ts";
import { foldBatchNorm, foldConstants, stripNames } from "../../src/graph/rewrites.ts";
import { fromFloat32 } from "../../src/graph/tensorData.ts";
import { type Layer, sequential } from "../../src/models/index.ts";
import { runEngine } from "../engine/run.ts";
import { evaluate, randomInput, relativeDifference } from "../graph/onnxruntime.ts";

/** How many chains. */
const count = Number(process.env.DEEPOBF_CHAINS ?? 200);

const size = (max: number) => fc.integer({ min: 1, max });

const layers: fc.Arbitrary<Layer> = fc.record({
  outputs: size(6),
  kernel: fc.tuple(size(3), size(3)),
  stride: fc.tuple(size(2), size(2)),
  padding: fc.tuple(size(2), size(2)),
  pool: fc.boolean(),
  activation: fc.constantFrom("relu", "none"),
});

/** No batch norm as training leaves it is the identity. */
function trained(graph: Graph): Graph {
  const initializers = [...graph.initializers].map(([name, value]) => {
    if (!name.startsWith("bn")) return [name, value] as const;
    const isPositive = /(running_var|weight)$/.test(name);
    const values = uniform({ seed: 9, name }, value.data.length / 4);
    const spread = values.map((u) => (isPositive ? 0.3 + 1.5 * u : u - 0.5));
    return [name, fromFloat32(value.shape, spread)] as const;
  });
  return { ...graph, initializers: new Map(initializers) };
}

test(`${count} chains compute in ONNX Runtime what they do on libtorch`, async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(layers, { minLength: 1, maxLength: 7 }), size(3), async (list, n) => {
      const shape = [3, 24, 20] as const;
      let chain: Graph;
      try {
        chain = trained(sequential(list, { shape: [...shape] }));
      } catch {
        return fc.pre(false); // a window is larger than what is left of the image
      }
      const shipped = stripNames(foldConstants(foldBatchNorm(chain)));
      expect(shipped.nodes.some(({ operator }) => operator === "BatchNormalization")).toBe(false);
      const inputs = { input: randomInput("input", [n, ...shape]) };
      const expected = (await evaluate(shipped, inputs)).features!;
      for (const graph of [chain, shipped]) {
        const actual = runEngine(graph, inputs).features!;
        expect(relativeDifference(expected, actual)).toBeLessThan(1e-4);
      }
      compared++;
    }),
    { numRuns: count, seed: 5 },
  );
  expect(compared).toBeGreaterThanOrEqual(count);
}, 600_000);
