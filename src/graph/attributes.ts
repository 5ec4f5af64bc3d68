// Typed reading and writing of a node's attributes, and what numbers of axes mean. Defaults stand at the call:
// `attribute(node, "axis", "int") ?? 1`.
import { ModelError } from "../errors.ts";
import { type Attribute, describeNode, type Node } from "./graph.ts";

type Value<Type extends Attribute["type"]> = Extract<Attribute, { type: Type }>["value"];

/** An attribute's value, or undefined where the node has none. Throws ModelError on another type. */
export function attribute<Type extends Attribute["type"]>(
  node: Node,
  name: string,
  type: Type,
): Value<Type> | undefined {
  if (!Object.hasOwn(node.attributes, name)) return undefined;
  const found = node.attributes[name]!;
  if (found.type === type) return found.value as Value<Type> | undefined;
  // Exporters of older files write whole numbers where the specification has a float.
  if (type === "float" && found.type === "int") return found.value as Value<Type> | undefined;
  throw new ModelError(
    `${describeNode(node)}: attribute "${name}" must be of type ${type}, but is of type ${found.type}`,
  );
}

/** An axis that is counted from the end where it is negative, counted from the front. */
export function fromFront(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

export const int = (value: number): Attribute => ({ type: "int", value });
export const ints = (value: readonly number[]): Attribute => ({ type: "ints", value });
export const float = (value: number): Attribute => ({ type: "float", value });
