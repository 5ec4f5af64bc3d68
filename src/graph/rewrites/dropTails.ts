// Takes off a network's outputs what turns scores of classes into an answer: the number or the name of the
// likeliest class, the best few, scores in whole numbers, a map from names to scores.
import { attribute } from "../attributes.ts";
import {
  elementCount,
  type Graph,
  type Node,
  operatorName,
  type TensorData,
  type ValueInfo,
} from "../graph.ts";
import { isFloat, toNumbers } from "../tensorData.ts";
import { producers } from "../topology.ts";
import { typeCodes } from "../typeCodes.ts";
import { eliminateDeadNodes } from "./eliminateDeadNodes.ts";
import { expandLinearClassifiers } from "./linearClassifier.ts";

/** Operators that answer from scores, by domain and name; the scores are their first input. */
const answering = new Set([
  ...["ArgMax", "TopK", "Hardmax", "Greater", "GreaterOrEqual", "Round", "Floor", "Ceil"],
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
    Reshape: 0,
    Squeeze: 0,
    Unsqueeze: 0,
    Flatten: 0,
    Mul: 0,
    Div: 0,
  }),
);

/** The graph with the scores as outputs where it has answers, behind the outputs that are scores already. */
export function dropTails(given: Graph): Graph {
  const graph = expandLinearClassifiers(given);
  const makers = producers(graph);
  const outputs = new Map<string, ValueInfo>();
  const answers: ValueInfo[] = [];
  for (const output of graph.outputs) {
    const name = scoresBehind(output.name, { graph, makers });
    if (name === output.name) outputs.set(name, output);
    else answers.push({ name, dtype: "float32", shape: undefined });
  }
  for (const info of answers) if (!outputs.has(info.name)) outputs.set(info.name, info);
  const names = [...outputs.keys()];
  if (String(names) === String(graph.outputs.map(({ name }) => name))) return graph;
  return eliminateDeadNodes({ ...graph, outputs: [...outputs.values()] });
}

function scoresBehind(
  output: string,
  { graph, makers }: { graph: Graph; makers: ReadonlyMap<string, Node> },
): string {
  let tensor = output;
  let scores = output;
  for (;;) {
    const node = makers.get(tensor);
    if (!node) return scores;
    const name = operatorName(node);
    const isAnswer = node.domain === "" && (answering.has(node.operator) || isRounding(node));
    const input = isAnswer ? 0 : wording.get(name);
    const next = input === undefined ? undefined : node.inputs[input];
    if (next === undefined || graph.initializers.has(next)) return scores;
    const isScaled = name === "Mul" || name === "Div";
    if (isScaled && !isPositive(graph.initializers.get(node.inputs[1]!))) return scores;
    tensor = next;
    // What only says it in other words changes nothing unless there is an answer, or a map, behind it.
    const isTail = isAnswer || (isScaled && scores !== output);
    if (isTail || name === "ai.onnx.ml.ZipMap") scores = tensor;
  }
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
