// Recognises models that were exported in training mode: what they answer changes from run to run, or
// with the other images of a batch.
import { ModelError } from "../errors.ts";
import { listed } from "../text.ts";
import { attribute } from "./attributes.ts";
import { exportForInference } from "./exportLines.ts";
import { describeNode, type Graph, type Node } from "./graph.ts";
import { downstream } from "./topology.ts";

/** Operators that draw numbers, TensorFlow's by their names there: dropout, or what augments images in training. */
const random = /Random(Uniform|Normal)|^Bernoulli$|^Multinomial$/;

/** Throws ModelError that lists the nodes in training mode and says how to export. */
export function assertInference(graph: Graph): void {
  const drawing = graph.nodes.find(({ operator }) => random.test(operator));
  if (drawing) {
    throw new ModelError(
      `the model was exported in training mode, and answers by chance (${describeNode(drawing)}); export it with\n  ` +
        `${exportForInference}\nor, where it augments its images itself, as by RandomFlip, the layers behind that`,
    );
  }
  // Weights may be standardized by a batch norm of their own, which no image comes by.
  const answering = downstream(
    graph,
    graph.inputs.map(({ name }) => name),
  ).nodes;
  const nodes = graph.nodes.filter((node) => isTraining(graph, node) && answering.has(node));
  if (nodes.length === 0) return;
  throw new ModelError(
    `the model was exported in training mode (${listed(nodes.map(describeNode), 3)}): its answers depend on the other ` +
      `images of a batch, or on chance; export it with\n  ${exportForInference}`,
  );
}

function isTraining({ opset, initializers }: Graph, node: Node): boolean {
  if (node.domain !== "") return false;
  if (node.operator === "BatchNormalization") {
    // Before version 14 it is the number of outputs that tells.
    if (opset < 14) return node.outputs.filter((name) => name !== "").length > 1;
    return attribute(node, "training_mode", "int") === 1;
  }
  if (node.operator !== "Dropout" || opset < 12) return false;
  const ratio = initializers.get(node.inputs[1] ?? "");
  const isIdle = ratio?.data.every((byte) => byte === 0) ?? false;
  return initializers.get(node.inputs[2] ?? "")?.data[0] === 1 && !isIdle;
}
