// What is known of a graph whatever its batch size.
import { Budget } from "../budget.ts";
import type { Graph, TensorData } from "../graph.ts";
import { type Facts, inferShapes } from "../shapes.ts";

/** Facts at two batch sizes, 2 and 3; a fixed batch size stands in for both. */
export interface AnyBatch {
  readonly small: Facts;
  readonly large: Facts;
  /** The value of a tensor that is the same at both. */
  constant(name: string): TensorData | undefined;
}

/** Throws ModelError where shapes contradict each other, or other sizes than the batch's are unknown. */
export function factsForAnyBatch(graph: Graph, budget = new Budget()): AnyBatch {
  const isFree = graph.inputs.some(({ shape }) => typeof shape?.[0] === "string");
  const small = factsAt(graph, 2, budget);
  const large = isFree ? factsAt(graph, 3, budget) : small;
  const constant = (name: string) => {
    const [value, other] = [small.get(name)?.value, large.get(name)?.value];
    return isSame(value, other) ? value : undefined;
  };
  return { small, large, constant };
}

/** Whether two constants are equal. Large ones are initializers, reshaped at most, whose data both share. */
export function isSame(value: TensorData | undefined, other: TensorData | undefined): boolean {
  if (value === other || !value || !other) return value === other;
  if (String(value.shape) !== String(other.shape)) return false;
  return value.data === other.data || Buffer.compare(value.data, other.data) === 0;
}

/** The axis along which a tensor grows with the batch, by its shapes at two batch sizes; -1 for none. */
export function growingAxis(small: readonly number[], large: readonly number[]): number {
  return small.findIndex((size, axis) => size !== large[axis]);
}

function factsAt(graph: Graph, batch: number, budget: Budget): Facts {
  const inputs = graph.inputs.flatMap(({ name, shape }) => {
    if (typeof shape?.[0] !== "string") return [];
    const rest = shape.slice(1).filter((size) => typeof size === "number");
    return rest.length === shape.length - 1 ? [[name, [batch, ...rest]] as const] : [];
  });
  return inferShapes(graph, new Map(inputs), budget);
}
