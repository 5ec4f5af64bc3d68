// Leaves a classifier one output: a row of scores for each image.
import { int } from "../attributes.ts";
import { GraphEdit } from "../edit.ts";
import { type DataType, elementCount, type Graph } from "../graph.ts";
import { logitOf } from "../logits.ts";
import { operation } from "../operation.ts";
import type { Facts } from "../shapes.ts";
import { fromNumbers } from "../tensorData.ts";
import { codeOf } from "../typeCodes.ts";
import { eliminateDeadNodes } from "./eliminateDeadNodes.ts";
import { renameTensors } from "./rename.ts";

/**
 * The graph with `tensor` as its only output, [batch, classes]. Axes of size 1 around the batch go. One
 * number an image, a logit or its sigmoid, becomes the logits of two classes, 0 and that logit: their
 * softmax is the sigmoid. The output keeps its name unless it is no output of the file's or becomes two.
 */
export function takeLogits(
  graph: Graph,
  {
    tensor,
    facts,
    batchAxis,
    fileOutputs,
  }: {
    readonly tensor: string;
    readonly facts: Facts;
    readonly batchAxis: number;
    readonly fileOutputs: readonly string[];
  },
): Graph {
  const { shape, dtype } = facts.get(tensor)!;
  const classes = elementCount(shape) / (shape[batchAxis] ?? 1);
  const isSame = shape.length === 2 && classes > 1 && fileOutputs.includes(tensor);
  if (isSame) return withOutput(graph, { name: tensor, dtype, classes });
  const isKept = classes > 1 && fileOutputs.includes(tensor);
  const inner = isKept ? new GraphEdit(graph).name(`${tensor}.map`) : tensor;
  const renamed = renameTensors(graph, (name) => (name === tensor ? inner : name));
  const edit = new GraphEdit(renamed);
  const output = isKept ? tensor : edit.name("logits");
  const nodes = [...renamed.nodes];
  if (classes === 1) {
    const column = edit.name(`${output}.column`);
    const logit = logitOf(renamed, inner);
    const shape = edit.integers(`${output}.shape`, [-1, 1]);
    const weight = edit.constant(`${output}.weight`, fromNumbers(dtype, [1, 2], [0, 1]));
    nodes.push(operation("Reshape", [logit ?? inner, shape], column));
    // A logit before casts may be of another type than its sigmoid behind them.
    const typed = logit === undefined ? column : edit.name(`${output}.typed`);
    if (typed !== column)
      nodes.push(operation("Cast", [column], typed, { to: int(codeOf(dtype)) }));
    nodes.push(operation("MatMul", [typed, weight], output));
  } else if (batchAxis > 0) {
    const rows = edit.integers(`${output}.shape`, [-1, classes]);
    nodes.push(operation("Reshape", [inner, rows], output));
  } else nodes.push(operation(shape.length === 2 ? "Identity" : "Flatten", [inner], output));
  return withOutput(edit.result(nodes), { name: output, dtype, classes: Math.max(2, classes) });
}

function withOutput(
  graph: Graph,
  { name, dtype, classes }: { name: string; dtype: DataType; classes: number },
): Graph {
  const batch = graph.inputs[0]?.shape?.[0] ?? "N";
  const info = { name, dtype, shape: [batch, classes] };
  return eliminateDeadNodes({ ...graph, outputs: [info] });
}
