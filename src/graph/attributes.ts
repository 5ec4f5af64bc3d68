// Typed reading and writing of a node's attributes, and what numbers of axes mean. Defaults stand at the call:
// `attribute(node, "axis", "int") ?? 1`.
import { ModelError } from "../errors.ts";
import { type Attribute, describeNode, type Graph, type Node } from "./graph.ts";
import { toNumbers } from "./tensorData.ts";

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

/**
 * Numbers that are an attribute in older versions of a node's operator and an input in newer ones; undefined where the
 * node has neither, or its input is no constant.
 */
export function attributeOrInput(
  node: Node,
  { name, type, input }: { name: string; type: "float" | "ints"; input: number },
  { initializers }: Pick<Graph, "initializers">,
): readonly number[] | undefined {
  const constant = initializers.get(node.inputs[input] ?? "");
  if (constant) return toNumbers(constant);
  const value = attribute(node, name, type);
  return typeof value === "number" ? [value] : value;
}

/** An axis that is counted from the end where it is negative, counted from the front. */
export function fromFront(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

export const int = (value: number): Attribute => ({ type: "int", value });
export const ints = (value: readonly number[]): Attribute => ({ type: "ints", value });
export const float = (value: number): Attribute => ({ type: "float", value });
