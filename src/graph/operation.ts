// New nodes of the standard operators.
import type { Attribute, Node } from "./graph.ts";

/** A call of a standard operator with one output. It has no name. */
export function operation(
  operator: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, Attribute>> = {},
): Node {
  return { name: "", operator, domain: "", inputs, outputs: [output], attributes };
}

/** A node that passes an input of `node` on, the first unless another is named. */
export function passOn(node: Node, input = node.inputs[0]!): Node {
  return { ...node, operator: "Identity", domain: "", inputs: [input], attributes: {} };
}
