// What the methods of a transfer attack start from.
import { describe, expect, test } from "vitest";
import { behead } from "../../src/attack/head.ts";
import { startOf, transferMethods } from "../../src/attack/methods.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { toFloat32 } from "../../src/graph/tensorData.ts";
import { chain } from "./pair.ts";

const { body } = behead(chain);
const convolutions = ({ nodes, initializers }: typeof body) =>
  nodes.flatMap(({ operator, inputs }) =>
    operator === "Conv" ? [toFloat32(initializers.get(inputs[1]!)!)] : [],
  );

describe("what a method starts from", () => {
  test("is the body as it is, for all but one", () => {
    const { "redrawn-half": _, ...others } = transferMethods;
    for (const each of Object.values(others)) expect(startOf(body, each, 0)).toBe(body);
  });

  test("is for redrawn-half the first half of the convolutions, and others for the rest", () => {
    const [first, second, third] = convolutions(body);
    const start = startOf(body, transferMethods["redrawn-half"], 0);
    const drawn = convolutions(start);
    expect(drawn).toHaveLength(3);
    expect(drawn.slice(0, 2)).toEqual([first, second]);
    expect(drawn[2]).not.toEqual(third);
    expect(drawn[2]!.length).toBe(third!.length);
    expect(convolutions(startOf(body, transferMethods["redrawn-half"], 1))[2]).not.toEqual(
      drawn[2],
    );
    const shape = (graph: typeof body) => inferShapes(graph).get(graph.outputs[0]!.name)?.shape;
    expect(shape(start)).toEqual(shape(body));
  });
});
