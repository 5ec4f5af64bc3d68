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
import { producers, tensorNames } from "../topology.ts";
import { typeCodes } from "../typeCodes.ts";
import { eliminateDeadNodes } from "./eliminateDeadNodes.ts";
import { expandLinearClassifiers } from "./linearClassifier.ts";

/** Operators that answer from scores; these are their first input, or the other one of what is equal to a constant. */
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

/**
 * The graph with the scores as outputs where it has answers, behind the outputs that are scores already. Of what answers
 * with the least, such as the nearest of some distances, the scores are the negative.
 */
export function dropTails(given: Graph): Graph {
  const graph = expandLinearClassifiers(given);
  const makers = producers(graph);
  const fresh = new FreshNames(tensorNames(graph));
  const negatives = new Map<string, string>();
  const negativeOf = (tensor: string) => {
    const maker = makers.get(tensor);
    if (maker && operatorName(maker) === "Neg") return maker.inputs[0]!;
    const name = negatives.get(tensor) ?? fresh.next(`${tensor}.negative`);
    negatives.set(tensor, name);
    return name;
  };
  const outputs = new Map<string, ValueInfo>();
  const answers: ValueInfo[] = [];
  for (const output of graph.outputs) {
    const { tensor, isLeast } = scoresBehind(output.name, { graph, makers });
    const name = isLeast ? negativeOf(tensor) : tensor;
    if (name === output.name) outputs.set(name, output);
    else answers.push({ name, dtype: "float32", shape: undefined });
  }
  for (const info of answers) if (!outputs.has(info.name)) outputs.set(info.name, info);
  const names = [...outputs.keys()];
  if (String(names) === String(graph.outputs.map(({ name }) => name))) return graph;
  const negations = [...negatives].map(([from, to]) => operation("Neg", [from], to));
  const nodes = [...graph.nodes, ...negations];
  return eliminateDeadNodes({ ...graph, nodes, outputs: [...outputs.values()] });
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
    isLeast ||= isOfLeast(node);
  }
}

/** What a node answers from or says in other words; undefined where it does neither. */
function wordedBy(node: Node, { initializers }: Graph): string | undefined {
  const isConstant = (name: string) => initializers.has(name);
  const [, ...others] = node.inputs;
  if (isScaling(node) && !isPositive(initializers.get(others[0]!))) return undefined;
  if (operatorName(node) === "Where" && !others.every(isConstant)) return undefined;
  const place = isAnswer(node) ? 0 : wording.get(operatorName(node));
  const isEqual = operatorName(node) === "Equal";
  const candidates = isEqual ? node.inputs.filter((name) => !isConstant(name)) : node.inputs;
  const name = place === undefined ? undefined : candidates[place];
  return name === undefined || isConstant(name) ? undefined : name;
}

function isAnswer(node: Node): boolean {
  return node.domain === "" && (answering.has(node.operator) || isRounding(node));
}

/** Whether the answer is the least of the scores. */
function isOfLeast(node: Node): boolean {
  const name = operatorName(node);
  return name === "ArgMin" || (name === "TopK" && attribute(node, "largest", "int") === 0);
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
