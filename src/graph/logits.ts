// Which of a model's outputs tells the classes apart, and why none does where it is no classifier.
import { ModelError } from "../errors.ts";
import { listed, quoteForShell } from "../text.ts";
import { attribute } from "./attributes.ts";
import { exportForAnyBatch } from "./exportLines.ts";
import {
  describeNode,
  elementCount,
  type Graph,
  type Node,
  operatorName,
  type ValueInfo,
} from "./graph.ts";
import { isLinearLayer } from "./obstacles.ts";
import { factsForAnyBatch, growingAxis } from "./rewrites/anyBatch.ts";
import type { Facts } from "./shapes.ts";
import { isFloat, toNumbers } from "./tensorData.ts";
import { downstream, producers, readTensors, upstream } from "./topology.ts";
import { passing, reshaping } from "./traits.ts";

/** The node that makes each tensor. */
type Makers = ReadonlyMap<string, Node>;

/** Outputs that a message names: what follows them must not be cut off. */
const mostOutputs = 16;

/** Operators that leave scores as they are, but for their shape and rounding. */
const scoreKeeping = new Set([
  ...[...passing, ...reshaping],
  ...["Cast", "DequantizeLinear", "QuantizeLinear", "Transpose"],
]);

/** Operators that neither add to scores nor change which is the largest. */
const orderKeeping = new Set([...scoreKeeping, "LogSoftmax", "Sigmoid", "Softmax"]);

/**
 * The output that holds one number a class for each image: the only one of that shape, or the only one of
 * several that comes from a linear layer. Throws ModelError where there is none, or several could be meant.
 */
export function findLogits(graph: Graph, facts: Facts): string {
  const names = graph.outputs.map((output) => output.name);
  const rows = names.filter((output) => isRow(facts, output));
  if (rows.length === 0) throw new ModelError(explainOutputs(graph, facts));
  const makers = producers(graph);
  const sources = new Map(rows.map((output) => [output, sourceOf(makers, output)]));
  const classifying = rows.filter((output) =>
    isLinear(makers, { facts, tensor: sources.get(output)! }),
  );
  const candidates = classifying.length > 0 ? classifying : rows;
  // Scores that others are computed from are features of these.
  const read = candidates.flatMap((output) => {
    const maker = makers.get(sources.get(output)!);
    return maker ? readTensors(maker) : [];
  });
  const { tensors: features } = upstream(graph, read);
  const last = candidates.filter((output) => !features.has(sources.get(output)!));
  const distinct = new Set(last.map((output) => sources.get(output)));
  if (distinct.size === 1) return last[0]!;
  const areNumbers = last.every((output) => elementCount(facts.get(output)!.shape.slice(1)) === 1);
  throw new ModelError(
    `the model has ${last.length} outputs that may tell the classes apart: ${describeOutputs(last, facts)}; ` +
      "say with --output which one does" +
      (areNumbers
        ? ", or, where each is the score of one class, join them before the export: torch.stack(outputs, 1)"
        : ""),
  );
}

/** The graph with only the output that is asked for. Throws ModelError where it has none of that name. */
export function keepOutput(graph: Graph, name: string | undefined): Graph {
  if (name === undefined) return graph;
  const outputs = graph.outputs.filter((output) => output.name === name);
  if (outputs.length > 0) return { ...graph, outputs };
  const names = listed(
    graph.outputs.map((output) => `"${output.name}"`),
    mostOutputs,
  );
  throw new ModelError(
    `--output ${name}: the model has no output of that name; its outputs are ${names}`,
  );
}

/**
 * The axis of the batch in scores, which only axes of size 1 may come before; -1 where none of several depends on it.
 * Throws ModelError where others come before, where images share a row, and where a vector has no batch.
 */
export function batchAxisOf(
  graph: Graph,
  { facts, tensor }: { facts: Facts; tensor: string },
): number {
  const { axis, sizes, batch } = batchIn(graph, { facts, tensor });
  const answer = `the model's answer ${describeOutputs([tensor], facts)}`;
  if (axis > 0 && sizes.slice(0, axis).some((size) => size !== 1)) {
    throw new ModelError(
      `${answer} has the classes first and the batch behind them: ` +
        "expected [batch, classes]; transpose it before the export",
    );
  }
  if (axis >= 0 && sizes[axis] !== batch) {
    throw new ModelError(
      `${answer} is [${sizes.join(", ")}] for ${batch} images: expected [batch, classes], one row for each image; ` +
        "leave out what reshapes the scores behind the last layer, and export it again",
    );
  }
  if (axis < 0 && facts.get(tensor)?.shape.length === 1) {
    throw new ModelError(
      `${answer} has no axis for the batch: a .squeeze() without axes takes ` +
        `it where the batch is of one image. Write .flatten(1) for it and export with\n  ${exportForAnyBatch}`,
    );
  }
  return axis;
}

/** Where a tensor has the batch, -1 for nowhere, in its sizes for so many images: two, or as many as the file takes. */
function batchIn(
  graph: Graph,
  { facts, tensor }: { facts: Facts; tensor: string },
): { axis: number; sizes: readonly number[]; batch: number } {
  const [batch] = graph.inputs[0]?.shape ?? [];
  if (typeof batch === "number") {
    const { shape: sizes = [] } = facts.get(tensor) ?? {};
    return { axis: sizes.indexOf(batch), sizes, batch };
  }
  const { small, large } = factsForAnyBatch(graph);
  const [sizes = [], others = []] = [small, large].map((each) => each.get(tensor)?.shape);
  return { axis: growingAxis(sizes, others), sizes, batch: 2 };
}

/**
 * Throws ModelError where the scores are a single number for each image that no sigmoid gives: a model that measures
 * something, such as an age, looks the same as one that tells two classes apart by a logit.
 */
export function assertNoMeasure(
  graph: Graph,
  { facts, tensor, batchAxis }: { facts: Facts; tensor: string; batchAxis: number },
): void {
  const sizes = facts.get(tensor)?.shape ?? [];
  if (sizes.some((size, axis) => axis !== batchAxis && size > 1)) return;
  if (logitOf(graph, tensor) !== undefined) return;
  const { name = tensor } = graph.outputs[0] ?? {};
  throw new ModelError(
    `the model gives one number for each image, ${describeOutputs([tensor], facts)}, and no sigmoid: it looks like ` +
      "a model that measures something (regression), and DeepObf obfuscates classifiers alone; where the number is " +
      `the logit of the second of two classes, say so: --output ${quoteForShell(name)}`,
  );
}

/** What a user should know of the scores that were taken of a file; undefined where there was no choice. */
export function describeChoice(file: Graph, taken: Graph): string | undefined {
  const [{ name, shape }] = taken.outputs as [ValueInfo];
  const isOne = file.outputs.length === 1;
  const outputs = `${isOne ? "output" : "outputs"} ${namesOf(file.outputs)}`;
  if (!file.outputs.some((output) => output.name === name)) {
    const renumbering = findRenumbering(file);
    return (
      `scores of classes are taken from before the ${outputs}; the shipped file gives them as "${name}" ` +
      `[batch, ${shape?.[1]}]` +
      (renumbering
        ? `, without the table by which ${describeNode(renumbering)} gives classes other numbers: class 0 is the first score`
        : "")
    );
  }
  if (isOne) return undefined;
  return `"${name}" is taken for the classes, of the ${outputs}; --output takes another`;
}

/** The names of outputs in quotes: `"a", "b" and "c"`, and how many there are more. */
function namesOf(outputs: readonly ValueInfo[]): string {
  const names = outputs.slice(0, mostOutputs).map(({ name }) => `"${name}"`);
  if (outputs.length > mostOutputs) names.push(`${outputs.length - mostOutputs} more`);
  return new Intl.ListFormat("en-GB").format(names);
}

/** The node that looks up answers in a table of other class numbers; undefined where none does. */
function findRenumbering(file: Graph): Node | undefined {
  const answers = file.nodes.filter(({ operator }) => /^(ArgMax|ArgMin|TopK)$/.test(operator));
  const after = downstream(
    file,
    answers.flatMap(({ outputs }) => outputs),
  );
  return [...after.nodes].find((node) => {
    const [from, to] = tableOf(node, file);
    return to.some((number, i) => number !== (from[i] ?? i));
  });
}

/** The numbers that a node knows, 0 and on where there are none, and what it gives for each. */
function tableOf(
  node: Node,
  { initializers }: Graph,
): readonly [from: readonly number[], to: readonly number[]] {
  switch (operatorName(node)) {
    case "Gather": {
      const table = initializers.get(node.inputs[0]!);
      return [[], table?.shape.length === 1 ? toNumbers(table) : []];
    }
    case "ai.onnx.ml.LabelEncoder": {
      const ints = (name: string) => attribute(node, name, "ints") ?? [];
      return [ints("keys_int64s"), ints("values_int64s")];
    }
    default:
      return [[], []];
  }
}

/** Whether a tensor holds one row of numbers for each image, whatever axes of size 1 it has. */
function isRow(facts: Facts, tensor: string): boolean {
  const known = facts.get(tensor);
  if (!known || !isFloat(known.dtype) || known.shape.length === 0) return false;
  const sizes = known.shape.slice(1);
  return elementCount(sizes) === Math.max(1, ...sizes);
}

/** The tensor that scores come from before softmax and reshaping. */
function sourceOf(makers: Makers, output: string): string {
  return before(makers, output, orderKeeping);
}

/** What a tensor is the sigmoid of, but for its shape; undefined where it is none. */
export function logitOf(graph: Graph, tensor: string): string | undefined {
  const makers = producers(graph);
  const node = makers.get(before(makers, tensor, scoreKeeping));
  return node?.domain === "" && node.operator === "Sigmoid" ? node.inputs[0] : undefined;
}

/** The tensor before all of these operators. */
function before(makers: Makers, output: string, operators: ReadonlySet<string>): string {
  let tensor = output;
  for (;;) {
    const node = makers.get(tensor);
    if (node?.domain !== "" || !operators.has(node.operator)) return tensor;
    tensor = node.inputs[0]!;
  }
}

/** Whether a linear layer makes a tensor or its negative: a matrix product with what is added to it, or a convolution. */
function isLinear(makers: Makers, { facts, tensor }: { facts: Facts; tensor: string }): boolean {
  const isProduct = (node: Node | undefined) =>
    node !== undefined &&
    (node.operator === "Gemm" || node.operator === "MatMul" || isLinearLayer(node, facts));
  const node = makers.get(before(makers, tensor, new Set(["Neg"])));
  if (node?.operator !== "Add") return isProduct(node);
  return node.inputs.some((name) => isProduct(makers.get(name)));
}

function describeOutputs(names: readonly string[], facts: Facts): string {
  const described = names.map((name) => {
    const known = facts.get(name);
    return known ? `"${name}" ${known.dtype} [${known.shape.join(", ")}]` : `"${name}"`;
  });
  return listed(described, mostOutputs);
}

/** Why a model without a row of scores is no classifier, by the shapes of its outputs. */
function explainOutputs(graph: Graph, facts: Facts): string {
  const outputs = describeOutputs(
    graph.outputs.map(({ name }) => name),
    facts,
  );
  const known = graph.outputs.map(({ name }) => facts.get(name));
  const has = (...ranks: readonly number[]) =>
    known.some((output) => output && ranks.includes(output.shape.length));
  const kind = () => {
    if (has(3))
      return "it looks like a detector, which gives rows of boxes, or a model of sequences";
    if (has(4, 5)) return "it gives maps, as models do that segment or generate images";
    if (known.some((output) => output && !isFloat(output.dtype)))
      return "these are answers; export the scores that they are made of";
    if (known.includes(undefined)) return "its shape is not known before it runs";
    return "these are no scores for each image";
  };
  return (
    `expected a classifier, whose output is [batch, classes], but the model gives ${outputs}: ${kind()}. ` +
    "DeepObf obfuscates image classifiers alone; of a larger model, export the part that classifies"
  );
}
