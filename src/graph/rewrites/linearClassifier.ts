// LinearClassifier of ai.onnx.ml, as converters of scikit-learn's tradition end a network: a linear layer, and the
// label of the largest score. https://github.com/onnx/onnx/blob/main/docs/Operators-ml.md#aionnxmlLinearClassifier
import { attribute, int } from "../attributes.ts";
import { GraphEdit } from "../edit.ts";
import type { Graph, Node } from "../graph.ts";
import { operation } from "../operation.ts";
import { fromNumbers } from "../tensorData.ts";

/**
 * The graph with linear layers in place of linear classifiers that have a row of coefficients a class, and the
 * position of the largest score in place of its label. Others stay.
 */
export function expandLinearClassifiers(graph: Graph): Graph {
  if (!graph.nodes.some(isLinearClassifier)) return graph;
  const edit = new GraphEdit(graph);
  const nodes = graph.nodes.flatMap((node) =>
    isLinearClassifier(node) ? (layersOf(node, edit) ?? node) : node,
  );
  return edit.result(nodes);
}

function isLinearClassifier({ operator, domain }: Node): boolean {
  return operator === "LinearClassifier" && domain === "ai.onnx.ml";
}

/** What `post_transform` makes of the scores, as a standard operator. */
const transforms: ReadonlyMap<string, string> = new Map([
  ["NONE", "Identity"],
  ["SOFTMAX", "Softmax"],
  ["LOGISTIC", "Sigmoid"],
]);

/** The same in standard operators; undefined where there is no row a class, or another transform. */
function layersOf(node: Node, edit: GraphEdit): Node[] | undefined {
  const coefficients = attribute(node, "coefficients", "floats") ?? [];
  const intercepts = attribute(node, "intercepts", "floats") ?? [];
  const transform = transforms.get(attribute(node, "post_transform", "string") ?? "NONE");
  const classes = intercepts.length;
  if (!transform || classes < 2 || coefficients.length % classes !== 0) return undefined;
  const [label = "", scores = edit.name("scores")] = node.outputs;
  const logits = edit.name(`${scores}.logits`);
  const shape = [classes, coefficients.length / classes];
  const weight = edit.constant(`${scores}.weight`, fromNumbers("float32", shape, coefficients));
  const bias = edit.constant(`${scores}.bias`, fromNumbers("float32", [classes], intercepts));
  const layers = [
    operation("Gemm", [...node.inputs, weight, bias], logits, { transB: int(1) }),
    operation(transform, [logits], scores, transform === "Softmax" ? { axis: int(1) } : {}),
  ];
  if (label === "") return layers;
  const largest = { axis: int(1), keepdims: int(0) };
  return [...layers, operation("ArgMax", [scores], label, largest)];
}
