// The shape that a user gives for a model's input.
import { ModelError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";

/**
 * Shapes by input name, as `inferShapes` takes them: `shape` is the first input's. Throws ModelError
 * where the file leaves a size open, the batch size excepted, and none is given.
 */
export function givenShapes(
  graph: Graph,
  shape: readonly number[] | undefined,
): Map<string, readonly number[]> {
  const [first] = graph.inputs;
  const given = new Map(first && shape ? [[first.name, shape]] : []);
  for (const { name, shape: declared } of graph.inputs) {
    if (given.has(name)) continue;
    if (declared?.slice(1).every((size) => typeof size === "number")) continue;
    if (declared?.length === 0) continue;
    const sizes = declared?.map((size) => (size === "" ? "?" : size)).join(", ");
    throw new ModelError(
      `input "${name}" has ${sizes === undefined ? "no shape" : `the shape [${sizes}]`}: expected every ` +
        "size but the batch to be a number; " +
        (name === first?.name
          ? "give the sizes, such as --input-shape 1,3,224,224"
          : "export the model with fixed sizes"),
    );
  }
  return given;
}
