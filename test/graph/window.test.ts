// Output sizes of sliding windows against what ONNX Runtime computes.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Graph } from "../../src/graph/graph.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { float32, graph, node } from "./graphs.ts";
import { evaluate } from "./onnxruntime.ts";

const pair = <T>(values: fc.Arbitrary<T>) => fc.tuple(values, values);

const windows = fc.record({
  input: pair(fc.integer({ min: 1, max: 12 })),
  kernel: pair(fc.integer({ min: 1, max: 4 })),
  strides: pair(fc.integer({ min: 1, max: 4 })),
  dilations: pair(fc.integer({ min: 1, max: 3 })),
  pads: fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 0, max: 3 }))),
  autoPad: fc.constantFrom("NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"),
  ceilMode: fc.boolean(),
});

type WindowCase = typeof windows extends fc.Arbitrary<infer Case> ? Case : never;

/** The shape that our rules give, or what they say against the model. */
function inferred(model: Graph): readonly number[] | string {
  try {
    return inferShapes(model).get("y")!.shape;
  } catch (error) {
    return (error as Error).message;
  }
}

async function computed(model: Graph, x: readonly number[]): Promise<readonly number[] | string> {
  try {
    return (await evaluate(model, { x })).y!.shape;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Whether ONNX Runtime took the model, and then agreed. */
async function compare(model: Graph, given: WindowCase): Promise<boolean> {
  const shape = [1, 2, ...given.input];
  if (hasNoWindow(given)) {
    // ONNX Runtime gives an empty tensor or reads beyond the padding; such a model is refused here.
    expect(inferred(model)).toMatch(/larger than the padded input/);
    return false;
  }
  return agree(model, shape);
}

async function agree(model: Graph, x: readonly number[]): Promise<boolean> {
  const expected = await computed(model, x);
  if (typeof expected === "string") return false;
  expect(inferred(model)).toEqual(expected);
  return true;
}

function attributesOf({ kernel, strides, dilations, pads, autoPad }: WindowCase) {
  return {
    kernel_shape: kernel,
    strides,
    dilations,
    ...(autoPad === "NOTSET" ? { pads } : { auto_pad: autoPad }),
  };
}

function hasNoWindow({ autoPad, kernel, dilations, pads, input }: WindowCase): boolean {
  if (autoPad.startsWith("SAME")) return false;
  return kernel.some((size, axis) => {
    const padding = autoPad === "VALID" ? 0 : pads[axis]! + pads[axis + 2]!;
    return (size - 1) * dilations[axis]! + 1 > input[axis]! + padding;
  });
}

/** Pooling wants a pixel in every window; ONNX Runtime's SAME forgets the dilations there. */
function fitPooling(given: WindowCase): WindowCase {
  const limit = (index: number) => Math.min(given.pads[index]!, given.kernel[index % 2]! - 1);
  const dilations: [number, number] = given.autoPad.startsWith("SAME") ? [1, 1] : given.dilations;
  return { ...given, dilations, pads: [limit(0), limit(1), limit(2), limit(3)] };
}

describe("windows", () => {
  const runs = { numRuns: 150, seed: 3 };

  test("of convolutions", async () => {
    let agreed = 0;
    await fc.assert(
      fc.asyncProperty(windows, async (given) => {
        const x = [1, 2, ...given.input];
        const initializers = { w: float32([3, 2, ...given.kernel]) };
        const nodes = [node("Conv", ["x", "w"], "y", attributesOf(given))];
        const model = graph({ inputs: { x }, initializers, nodes, outputs: ["y"] });
        agreed += (await compare(model, given)) ? 1 : 0;
      }),
      runs,
    );
    expect(agreed).toBeGreaterThan(60);
  });

  test("of transposed convolutions", async () => {
    let agreed = 0;
    await fc.assert(
      fc.asyncProperty(windows, async (given) => {
        const x = [1, 2, ...given.input];
        const initializers = { w: float32([2, 3, ...given.kernel]) };
        const nodes = [node("ConvTranspose", ["x", "w"], "y", attributesOf(given))];
        const model = graph({ inputs: { x }, initializers, nodes, outputs: ["y"] });
        agreed += (await agree(model, x)) ? 1 : 0;
      }),
      runs,
    );
    expect(agreed).toBeGreaterThan(60);
  });

  test.each(["MaxPool", "AveragePool"])("of %s", async (operator) => {
    let agreed = 0;
    await fc.assert(
      fc.asyncProperty(windows, async (drawn) => {
        const given = fitPooling(drawn);
        const x = [1, 2, ...given.input];
        const attributes = { ...attributesOf(given), ceil_mode: given.ceilMode ? 1 : 0 };
        const nodes = [node(operator, ["x"], "y", attributes)];
        const model = graph({ inputs: { x }, nodes, outputs: ["y"], opset: 19 });
        agreed += (await compare(model, given)) ? 1 : 0;
      }),
      runs,
    );
    expect(agreed).toBeGreaterThan(60);
  });
});
