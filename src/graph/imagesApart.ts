// That a model looks at each image for itself: what is computed of a batch as a whole is right for one image alone.
import { ModelError } from "../errors.ts";
import { attribute, fromFront } from "./attributes.ts";
import { describeNode, type Graph, type Node } from "./graph.ts";
import { factsForAnyBatch, growingAxis } from "./rewrites/anyBatch.ts";
import type { TensorFacts } from "./shapes.ts";
import { isFloat } from "./tensorData.ts";

/** Throws ModelError, by the name of the model, where an image's answer depends on the others of its batch. */
export function assertImagesApart(graph: Graph, name: string): void {
  const { small, large } = factsForAnyBatch(graph);
  const batchAxis = (tensor: string) => {
    const [one, other] = [small.get(tensor), large.get(tensor)];
    return one && other && growingAxis(one.shape, other.shape);
  };
  const mixing = graph.nodes.find((node) => {
    const x = node.inputs.find((input) => (batchAxis(input) ?? -1) >= 0);
    if (x === undefined || !isFloat(small.get(x)!.dtype)) return false;
    const areOne = node.outputs.some(
      (output) => batchAxis(output) === -1 && isFloat(small.get(output)!.dtype),
    );
    return areOne || scaledAxes(node, small.get(x)!, graph.opset).includes(batchAxis(x)!);
  });
  if (!mixing) return;
  throw new ModelError(
    `${name} computes with all images of a batch together (${describeNode(mixing)}), so that an image's answer depends ` +
      "on the others: let it look at each image alone, as x.mean((1, 2, 3), keepdim=True) does, and export it again",
  );
}

/** The axes whose numbers a node brings to a scale together without a change of shape. */
function scaledAxes(node: Node, { shape }: TensorFacts, opset: number): readonly number[] {
  const { length: rank } = shape;
  const places = [...shape.keys()];
  const axis = (usual: number) => fromFront(attribute(node, "axis", "int") ?? usual, rank);
  if (node.domain !== "") return [];
  if (/^((Log)?Softmax|Hardmax)$/.test(node.operator)) {
    // Before version 13 all axes from that one on are one row.
    return opset < 13 ? places.slice(axis(1)) : [axis(-1)];
  }
  if (node.operator === "LayerNormalization") return places.slice(axis(-1));
  if (node.operator === "LpNormalization") return [axis(-1)];
  if (node.operator === "MeanVarianceNormalization") {
    return attribute(node, "axes", "ints") ?? [0, 2, 3];
  }
  return [];
}
