// What is known of a graph whatever its batch size.
import type { Graph, TensorData } from "../graph.ts";
import { inferShapes, type TensorFacts } from "../shapes.ts";

type Facts = ReadonlyMap<string, TensorFacts>;

/** Facts at two batch sizes, 2 and 3; a fixed batch size stands in for both. */
export interface AnyBatch {
  readonly small: Facts;
  readonly large: Facts;
  /** The value of a tensor that is the same at both. */
  constant(name: string): TensorData | undefined;
}

/** Throws ModelError where shapes contradict each other, or other sizes than the batch's are unknown. */
export function factsForAnyBatch(graph: Graph): AnyBatch {
  const isFree = graph.inputs.some(({ shape }) => typeof shape?.[0] === "string");
  const small = factsAt(graph, 2);
  const large = isFree ? factsAt(graph, 3) : small;
  const constant = (name: string) => {
    const [value, other] = [small.get(name)?.value, large.get(name)?.value];
    const isSame =
      value === other || (value && other && Buffer.from(value.data).equals(other.data));
    return isSame && String(value?.shape) === String(other?.shape) ? value : undefined;
  };
  return { small, large, constant };
}

function factsAt(graph: Graph, batch: number): Facts {
  const inputs = graph.inputs.flatMap(({ name, shape }) => {
    if (typeof shape?.[0] !== "string") return [];
    const rest = shape.slice(1).filter((size) => typeof size === "number");
    return rest.length === shape.length - 1 ? [[name, [batch, ...rest]] as const] : [];
  });
  return inferShapes(graph, Object.fromEntries(inputs));
}
