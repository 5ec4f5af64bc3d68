// Takes off a network's outputs what turns scores of classes into an answer: the number or the name of the
// likeliest class, the best few, scores in whole numbers, a map from names to scores.
import { attribute } from "../attributes.ts";
import { FreshNames } from "../freshNames.ts";
import {
  elementCount,
  type Graph,
  type Node,
  operatorName,
  type TensorData,
  type ValueInfo,
} from "../graph.ts";
import { operation } from "../operation.ts";
import { isFloat, toNumbers } from "../tensorData.ts";
import { producers, tensorNames, upstream } from "../topology.ts";
import { typeCodes } from "../typeCodes.ts";
import { eliminateDeadNodes } from "./eliminateDeadNodes.ts";
import { expandLinearClassifiers } from "./linearClassifier.ts";

/** Operators that answer from scores; these are their first input, of `Equal` what `comparedBy` tells. */
const answering = new Set([
  ...["ArgMax", "ArgMin", "TopK", "Hardmax", "Equal", "Greater", "GreaterOrEqual"],
  ...["Round", "Floor", "Ceil"],
]);
/** Operators that say an answer in other words, and the input that holds it. */
const wording: ReadonlyMap<string, number> = new Map(
  Object.entries({
    "ai.onnx.ml.ArrayFeatureExtractor": 1,
    "ai.onnx.ml.LabelEncoder": 0,
    "ai.onnx.ml.ZipMap": 0,
    Cast: 0,
    Gather: 1,
    Identity: 0,
    OneHot: 0,
    Reshape: 0,
    Scatter: 1,
    ScatterElements: 1,
    Squeeze: 0,
    Unsqueeze: 0,
    Flatten: 0,
    Mul: 0,
    Div: 0,
    Where: 0,
  }),
);

/** What an output tells of scores. */
interface Told {
  readonly output: ValueInfo;
  readonly form: "answer" | "softmax" | "scores";
  /** The scores, before they are made negative. */
  readonly tensor: string;
  /** Whether it tells of their negative: of the least in place of the greatest. */
  readonly isNegative: boolean;
}

/**
 * The graph with the scores as outputs where it has answers, behind the outputs that are scores already. Of what answers
 * with the least alone, such as the nearest of some distances, the scores are the negative, and the distances no output
 * any more. Beside an answer with the greatest, or a softmax, the least is the worst class.
 */
export function dropTails(given: Graph): Graph {
  const graph = expandLinearClassifiers(given);
  const told = tell(graph);
  const answered = new Set(
    told.filter(({ form }) => form === "answer").map(({ tensor }) => tensor),
  );
  if (answered.size === 0) return graph;
  const deciding = told.filter(({ form, isNegative }) => form !== "scores" && !isNegative);
  const greatest = new Set(deciding.map(({ tensor }) => tensor));
  const kept = told.filter(
    ({ form, tensor, isNegative }) =>
      form === "softmax" ||
      (form === "scores" && !(answered.has(tensor) && isNegative === greatest.has(tensor))),
  );
  const outputs = new Map(kept.map(({ output }) => [output.name, output]));
  const nodes = [...graph.nodes];
  const fresh = new FreshNames(tensorNames(graph));
  const negativeOf = (tensor: string) => {
    const known = nodes.find((node) => isNegation(node) && node.inputs[0] === tensor);
    if (known) return known.outputs[0]!;
    const name = fresh.next(`${tensor}.negative`);
    nodes.push(operation("Neg", [tensor], name));
    return name;
  };
  for (const tensor of answered) {
    const name = greatest.has(tensor) ? tensor : negativeOf(tensor);
    if (!outputs.has(name)) outputs.set(name, { name, dtype: "float32", shape: undefined });
  }
  return eliminateDeadNodes({ ...graph, nodes, outputs: [...outputs.values()] });
}

/** What each output tells of. */
function tell(graph: Graph): Told[] {
  const makers = producers(graph);
  return graph.outputs.map((output) => {
    let { tensor, isLeast: isNegative } = scoresBehind(output.name, { graph, makers });
    const isAnswer = tensor !== output.name;
    const softmax = isAnswer ? undefined : makers.get(tensor);
    const isSoftmax = softmax !== undefined && /^(Log)?Softmax$/.test(operatorName(softmax));
    if (isSoftmax) tensor = softmax.inputs[0]!;
    for (let maker = makers.get(tensor); isNegation(maker); maker = makers.get(tensor)) {
      tensor = maker.inputs[0]!;
      isNegative = !isNegative;
    }
    const form = isAnswer ? "answer" : isSoftmax ? "softmax" : "scores";
    return { output, form, tensor, isNegative };
  });
}

/** The scores that an output is made of, itself where it is no answer, and whether the answer is the least of them. */
function scoresBehind(
  output: string,
  { graph, makers }: { graph: Graph; makers: ReadonlyMap<string, Node> },
): { readonly tensor: string; readonly isLeast: boolean } {
  let tensor = output;
  let scores = output;
  let isLeast = false;
  for (;;) {
    const node = makers.get(tensor);
    const next = node && wordedBy(node, graph);
    if (!node || next === undefined) return { tensor: scores, isLeast };
    tensor = next;
    // What only says it in other words changes nothing unless there is an answer, or a map, behind it.
    const isTail = isAnswer(node) || (isScaling(node) && scores !== output);
    if (isTail || operatorName(node) === "ai.onnx.ml.ZipMap") scores = tensor;
    isLeast ||= isOfLeast(node, graph);
  }
}

/** What a node answers from or says in other words; undefined where it does neither. */
function wordedBy(node: Node, graph: Graph): string | undefined {
  const { initializers } = graph;
  const isConstant = (name: string) => initializers.has(name);
  const [, ...others] = node.inputs;
  if (isScaling(node) && !isPositive(initializers.get(others[0]!))) return undefined;
  if (operatorName(node) === "Where" && !others.every(isConstant)) return undefined;
  if (operatorName(node) === "Equal") return comparedBy(node, graph);
  if (!marksAbove(node, graph)) return undefined;
  const place = isAnswer(node) ? 0 : wording.get(operatorName(node));
  const name = place === undefined ? undefined : node.inputs[place];
  return name === undefined || isConstant(name) ? undefined : name;
}

/** Of what `Equal` compares, the scores: what is no constant, and what the other, such as its maximum, is made of. */
function comparedBy(node: Node, graph: Graph): string | undefined {
  const [first, second] = node.inputs.filter((name) => !graph.initializers.has(name));
  if (first === undefined || second === undefined) return first;
  return upstream(graph, [first]).tensors.has(second) ? second : first;
}

/** Whether the numbers that a node sets where a class is chosen are above all others, as far as they are known. */
function marksAbove(node: Node, { initializers }: Graph): boolean {
  const [first, second, third] = node.inputs.map((name) => {
    const constant = initializers.get(name);
    return constant && toNumbers(constant);
  });
  switch (operatorName(node)) {
    case "OneHot":
      return isAbove(third?.slice(1), third?.slice(0, 1));
    case "Scatter":
    case "ScatterElements":
      return isAbove(third, first);
    case "Where":
      return isAbove(second, third);
    default:
      return true;
  }
}

function isAbove(high: ArrayLike<number> | undefined, low: ArrayLike<number> | undefined): boolean {
  if (high === undefined || low === undefined) return true;
  const greatest = Array.from(low).reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return Array.from(high).every((value) => value > greatest);
}

function isAnswer(node: Node): boolean {
  return node.domain === "" && (answering.has(node.operator) || isRounding(node));
}

function isNegation(node: Node | undefined): node is Node {
  return node !== undefined && operatorName(node) === "Neg";
}

/** Whether the answer is the least of the scores, or what equals it. */
function isOfLeast(node: Node, graph: Graph): boolean {
  if (operatorName(node) !== "Equal") return takesLeast(node);
  const { nodes: before } = upstream(graph, [comparedBy(node, graph)!]);
  return [...upstream(graph, node.inputs).nodes].some(
    (made) => !before.has(made) && takesLeast(made),
  );
}

function takesLeast(node: Node): boolean {
  const name = operatorName(node);
  if (name === "TopK") return attribute(node, "largest", "int") === 0;
  return name === "ArgMin" || name === "ReduceMin";
}

function isScaling(node: Node): boolean {
  return /^(Mul|Div)$/.test(operatorName(node));
}

/** Whether a factor is a single positive number. */
function isPositive(factor: TensorData | undefined): boolean {
  return factor !== undefined && elementCount(factor.shape) === 1 && toNumbers(factor)[0]! > 0;
}

/** Whether a node makes whole numbers. */
function isRounding(node: Node): boolean {
  if (node.operator !== "Cast") return false;
  const type = typeCodes.get(attribute(node, "to", "int") ?? 0);
  return type !== undefined && type !== "bool" && !isFloat(type);
}
