// Names that JavaScript's objects have of themselves, wherever a file may put a name: they are names like others.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { checkModel } from "../../src/evaluate/check.ts";
import { inspectGraph } from "../../src/evaluate/inspect.ts";
import { findBoundary } from "../../src/graph/cuts.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { cutGraph, foldConstants, renameTensors } from "../../src/graph/rewrites.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { tensorNames } from "../../src/graph/topology.ts";
import { sequential } from "../../src/models/index.ts";
import { planChain } from "../../src/obfuscate/index.ts";
import { nameChainInput, seal } from "../../src/obfuscate/seal.ts";
import { encodeModel, parseModel } from "../../src/onnx/index.ts";
import { residualModel } from "../cli/fixtures.ts";
import * as proto from "../onnx/protos.ts";

const inherited = [
  ...Object.getOwnPropertyNames(Object.prototype),
  ...["length", "name", "prototype", "then", "get", "0", "-1", "__proto__.x"],
];

const folder = mkdtempSync(join(tmpdir(), "deepobf-names-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The residual model with inherited names for its input, its output and as many others as there are. */
function renamed(order: readonly string[]): Graph {
  const graph = residualModel();
  const ends = [...graph.inputs, ...graph.outputs].map(({ name }) => name);
  const all = [...new Set([...ends, ...tensorNames(graph)])];
  const names = new Map(all.map((name, index) => [name, order[index] ?? name]));
  const tensors = renameTensors(graph, (name) => names.get(name)!);
  const nodes = tensors.nodes.map((node) => ({ ...node, name: node.outputs[0]! }));
  return { ...tensors, nodes, name: "__proto__" };
}

const orders = fc.shuffledSubarray(inherited, { minLength: inherited.length });

describe("a classifier with inherited names", () => {
  test("is read and inspected as it is with others", () => {
    const expected = inspectGraph(residualModel());
    fc.assert(
      fc.property(orders, (order) => {
        const inspection = inspectGraph(parseModel(encodeModel(renamed(order))));
        const { warnings } = inspection;
        expect(warnings).toEqual([]);
        expect(inspection.input?.name).toBe(order[0]);
        expect(inspection.boundary?.shape).toEqual(expected.boundary?.shape);
        expect(inspection.cutPoints).toHaveLength(expected.cutPoints.length);
        expect([inspection.macs, inspection.parameters]).toEqual([
          expected.macs,
          expected.parameters,
        ]);
      }),
      { numRuns: 60, seed: 3 },
    );
  });

  test("is sealed", () => {
    fc.assert(
      fc.property(orders, (order) => {
        const original = foldConstants(renamed(order));
        const facts = inferShapes(original);
        const boundary = findBoundary(original, facts);
        const { extractor, classifier } = cutGraph(original, boundary.tensor, facts);
        const plan = planChain(extractor, facts, { depth: 3, boundary });
        const chain = nameChainInput(sequential(plan.layers, { shape: plan.input }), original);
        const sealed = parseModel(encodeModel(seal(chain, classifier, { depth: 3, seed: 1 })));
        expect(sealed.inputs.map(({ name }) => name)).toEqual([order[0]]);
        expect(sealed.outputs.map(({ name }) => name)).toEqual([order[1]]);
      }),
      { numRuns: 30, seed: 4 },
    );
  });

  // ONNX Runtime's JavaScript keeps outputs in an ordinary object, which cannot hold "__proto__".
  const outputs = inherited.filter((name) => name !== "__proto__");
  test.each(["__proto__", "constructor", "toString"])(
    "with the input %s, it is checked",
    async (name) => {
      const order = [name, outputs.find((output) => output !== name)!];
      const path = join(folder, `${inherited.indexOf(name)}.onnx`);
      writeFileSync(
        path,
        encodeModel(renamed([...order, ...inherited.filter((n) => !order.includes(n))])),
      );
      const { maxRelDiff, outputs: checked } = await checkModel({ model: path });
      expect(checked.map((output) => output.name)).toEqual([order[1]]);
      expect(maxRelDiff).toBeLessThan(1e-5);
    },
  );

  test("with the output __proto__, it is refused", async () => {
    const path = join(folder, "output.onnx");
    writeFileSync(path, encodeModel(renamed(["x", "__proto__"])));
    await expect(checkModel({ model: path })).rejects.toThrow(
      'an output must not be named "__proto__"',
    );
  });
});

describe("operators, domains and attributes with inherited names", () => {
  test.each(inherited)("%s", (name) => {
    const { float } = { float: proto.floats(1) };
    const nodes = [
      proto.node(name, ["x"], ["a"]),
      proto.node("Relu", ["a"], ["b"], { domain: name }),
      proto.node("LeakyRelu", ["x"], ["y"], {
        attributes: [proto.attribute(name, 4, [5, proto.tensor("", {}, [9, float])])],
      }),
      proto.node("Resize", ["x", "", "s"], ["r"], {
        attributes: ["mode", "nearest_mode", "coordinate_transformation_mode"].map((key) =>
          proto.attribute(key, 3, [4, name]),
        ),
      }),
    ];
    const metadata = proto.message([1, name], [2, name]);
    const bytes = Buffer.concat([
      proto.withGraph({ nodes, initializers: [proto.scalar("s")] }),
      proto.message([14, metadata]),
    ]);
    const inspection = inspectGraph(parseModel(bytes));
    const { warnings } = inspection;
    expect(Object.keys(inspection.operators)).toContain(name);
    expect(warnings[0]).toContain("unsupported operators");
    expect(JSON.parse(JSON.stringify(inspection)).nodes).toBe(4);
  });
});
