// Takes pixels as floats in [0, 1] where a model takes them as whole numbers from 0 to 255.
import { ModelError } from "../../errors.ts";
import { GraphEdit } from "../edit.ts";
import { type DataType, describeNode, elementCount, type Graph, type Node } from "../graph.ts";
import { passOn } from "../operation.ts";
import { fromNumbers, isFloat, toNumbers } from "../tensorData.ts";
import { consumers } from "../topology.ts";
import { moving, passing, reshaping } from "../traits.ts";
import { typeCodes } from "../typeCodes.ts";

/** Operators that only arrange what they read. */
const pixelKeeping = new Set([...passing, ...reshaping, ...moving, "Concat", "Gather"]);

/** The types that pixels come in. */
export const pixelTypes: readonly string[] = ["uint8", "int32", "int64"];

const white = 255;

/**
 * The graph with a first input of float32 in [0, 1] where it was one of whole numbers: the cast to
 * float multiplies by 255 instead, or goes together with a division by 255 after it. Throws ModelError
 * where something computes with the whole numbers, and for inputs of other types that are no floats.
 */
export function takePixelsAsFloats(graph: Graph): Graph {
  const [input] = graph.inputs;
  if (!input || isFloat(input.dtype)) return graph;
  if (!pixelTypes.includes(input.dtype)) {
    throw new ModelError(
      `input "${input.name}" is ${input.dtype}: expected float32, another float, or pixels as uint8; ` +
        "export the model with a float32 input",
    );
  }
  const readers = consumers(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const edit = new GraphEdit(graph);
  const factor = edit.constant(`${input.name}.white`, fromNumbers("float32", [], [white]));
  const replaced = new Map<Node, Node>();
  // What is added while a set is walked through is visited, too; each tensor once.
  const whole = new Set([input.name]);
  for (const tensor of whole) {
    for (const node of readers.get(tensor) ?? []) {
      const to = castType(node);
      if (to !== undefined) follow(node, to);
      else if (node.domain === "" && pixelKeeping.has(node.operator) && !chooses(node, tensor)) {
        for (const output of node.outputs) whole.add(output);
      } else if (node.domain !== "" || !/^(Shape|Size)$/.test(node.operator)) refuse(node);
    }
  }
  const nodes = graph.nodes.map((node) => replaced.get(node) ?? node);
  const inputs = graph.inputs.with(0, { ...input, dtype: "float32" as const });
  return { ...edit.result(nodes), inputs };

  /** The type that a node casts to; undefined where it is no cast, or not known. */
  function castType({ operator, domain, inputs, attributes }: Node): DataType | undefined {
    if (domain !== "") return undefined;
    if (operator === "CastLike") return graph.initializers.get(inputs[1] ?? "")?.dtype;
    return operator === "Cast" ? typeCodes.get(Number(attributes.to?.value)) : undefined;
  }

  function follow(cast: Node, to: DataType): void {
    const result = cast.outputs[0]!;
    if (to !== "float32") {
      // From one whole number to another.
      replaced.set(cast, passOn(cast));
      whole.add(result);
      return;
    }
    const next = readers.get(result) ?? [];
    if (!outputs.has(result) && next.length > 0 && next.every((n) => isDivision(n, result))) {
      replaced.set(cast, passOn(cast));
      for (const division of next) replaced.set(division, passOn(division, result));
    } else {
      const inputs = [cast.inputs[0]!, factor];
      replaced.set(cast, { ...cast, operator: "Mul", inputs, attributes: {} });
    }
  }

  /** Whether pixels choose what a node reads, such as colours of a palette. */
  function chooses({ operator, inputs }: Node, x: string): boolean {
    return operator === "Gather" && inputs[1] === x;
  }

  /** Whether a node only divides by 255. */
  function isDivision({ operator, domain, inputs }: Node, x: string): boolean {
    const [left, right] = inputs;
    const other = graph.initializers.get((left === x ? right : left) ?? "");
    const factors = other && elementCount(other.shape) === 1 ? toNumbers(other) : [];
    const isBy = (value: number) => factors.every((f) => Math.abs(f / value - 1) < 1e-6);
    if (domain !== "" || factors.length !== 1 || other!.shape.length > 4) return false;
    return (
      (operator === "Div" && left === x && isBy(white)) || (operator === "Mul" && isBy(1 / white))
    );
  }

  function refuse(node: Node): never {
    throw new ModelError(
      `input "${input!.name}" is ${input!.dtype}, and ${describeNode(node)} computes with it before it ` +
        "becomes float32; export the model with a float32 input",
    );
  }
}
