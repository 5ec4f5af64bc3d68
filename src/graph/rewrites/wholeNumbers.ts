// Standard operators that read whole numbers of a quantized network: most do the same with the floats that these stand
// for.
import { attribute } from "../attributes.ts";
import { elementCount, type Node } from "../graph.ts";
import { passOn } from "../operation.ts";
import { fromNumbers, isFloat, toNumbers } from "../tensorData.ts";
import { moving, passing, reshaping } from "../traits.ts";
import { typeCodes } from "../typeCodes.ts";
import type { Dequantization } from "./dequantization.ts";
import { clamp, type QuantizationParameters, unitOf } from "./quantizedValues.ts";

/** How an operator reads whole numbers. */
interface Reading {
  /** The inputs that hold them, in one quantization; undefined where all do. */
  readonly places: readonly number[] | undefined;
  /**
   * What its results are: the same numbers, arranged or chosen; what is told of them, such as their order; or numbers
   * that are computed of them, whatever they stand for.
   */
  readonly results: "chosen" | "told" | "computed";
}

/** Operators that do with whole numbers, but for rounding, what they do with floats. */
const readings: ReadonlyMap<string, Reading> = new Map([
  ...those("chosen", undefined, ["Concat", "Max", "Min"]),
  ...those("chosen", [0, 1, 2], ["Clip"]),
  ...those("chosen", [0, 2], ["Pad", "ScatterElements", "ScatterND"]),
  ...those("chosen", [1, 2], ["Where"]),
  ...those(
    "chosen",
    [0],
    [
      ...[...passing, ...reshaping, ...moving],
      ...["Expand", "Gather", "GatherElements", "GatherND", "MaxPool", "ReduceMax", "ReduceMin"],
      ...["Resize", "Tile", "TopK", "Upsample"],
    ],
  ),
  ...those("told", undefined, ["Greater", "GreaterOrEqual", "Less", "LessOrEqual"]),
  ...those("told", [0], ["ArgMax", "ArgMin", "Shape", "Size"]),
  ...those("computed", undefined, ["Abs", "Add", "Mul", "Neg", "Relu", "Sub", "Sum"]),
  ...those("computed", [0], ["Cast", "ReduceSum"]),
]);

function those(
  results: Reading["results"],
  places: Reading["places"],
  operators: readonly string[],
): [string, Reading][] {
  return operators.map((operator) => [operator, { places, results }]);
}

/**
 * Adds a standard operator that reads, in place of whole numbers, the floats that they stand for, or themselves as
 * floats where it computes with them, or the constant that it makes of weights. False where it reads none, or would do
 * something else with floats.
 */
export function readFloats(node: Node, graph: Dequantization): boolean {
  const { operator, domain, inputs } = node;
  const reading = domain === "" ? readings.get(operator) : undefined;
  const first = inputs.map((name) => graph.quantizationOf(name)).find(Boolean);
  if (reading && operator === "Clip" && clipConstant(node, graph)) return true;
  if (!reading || !first) return false;
  const { places = [...inputs.keys()], results } = reading;
  const isOne = elementCount(first.scale.shape) === 1;
  const by = results === "computed" ? unitOf(first.scale.dtype) : first;
  const floats = withFill(node, graph).map((name, place) => {
    if (name === "" || !places.includes(place))
      return graph.quantizationOf(name) ? undefined : name;
    return isOne || graph.quantizationOf(name) ? graph.float(name, by) : undefined;
  });
  if (!floats.every((name) => name !== undefined)) return false;
  const read = { ...node, inputs: floats };
  if (operator === "Cast") return cast(read, graph, by);
  graph.add(read, results === "told" ? undefined : by);
  return true;
}

/** Weights of fewer bits than their type has are cut off as in the file. */
function clipConstant({ inputs, outputs }: Node, graph: Dequantization): boolean {
  const [value, least, most] = inputs.map((name) => graph.constant(name));
  const isKnown = inputs.every((name) => name === "" || graph.constant(name));
  if (!value || !isKnown || isFloat(value.dtype)) return false;
  const [low = Number.NEGATIVE_INFINITY] = least ? toNumbers(least) : [];
  const [high = Number.POSITIVE_INFINITY] = most ? toNumbers(most) : [];
  const clipped = toNumbers(value).map((number) => clamp(number, [low, high]));
  graph.edit.set(outputs[0]!, fromNumbers(value.dtype, value.shape, clipped));
  return true;
}

/** To floats; to other whole numbers there is nothing to do. */
function cast(node: Node, graph: Dequantization, by: QuantizationParameters): boolean {
  const type = typeCodes.get(attribute(node, "to", "int") ?? 0);
  if (type === undefined || type === "bool") return false;
  if (isFloat(type)) graph.add(node);
  else graph.add(passOn(node), by);
  return true;
}

/** The inputs with what padding fills in by default: the whole number 0, which may stand for another float. */
function withFill({ operator, inputs, outputs }: Node, graph: Dequantization): readonly string[] {
  if (operator !== "Pad" || inputs[2]) return inputs;
  const [x = "", pads = "", , ...axes] = inputs;
  return [
    x,
    pads,
    graph.edit.constant(`${outputs[0]}.fill`, fromNumbers("int32", [], [0])),
    ...axes,
  ];
}
