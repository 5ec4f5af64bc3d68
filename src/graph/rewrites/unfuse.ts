// Takes apart what ONNX Runtime's optimizer fuses into operators of its own, which no other program runs, or into
// standard ones that the model's opset does not have yet, and quantized maps that it laid out with channels last:
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
import { attribute, float, ints } from "../attributes.ts";
import { GraphEdit } from "../edit.ts";
import { type Attribute, type DataType, elementCount, type Graph, type Node } from "../graph.ts";
import { operation } from "../operation.ts";
import { fromNumbers, isFloat } from "../tensorData.ts";

/** The graph with standard operators for fused ones; those that are not known stay. The graph itself without any. */
export function unfuse(graph: Graph): Graph {
  if (!graph.nodes.some((node) => ruleFor(node, graph.opset) !== undefined)) return graph;
  const edit = new GraphEdit(graph);
  const dtype = floatOf(graph);
  const nodes = graph.nodes.flatMap((node) => {
    const parts = new Parts(node, { edit, dtype });
    return ruleFor(node, graph.opset)?.(node, parts) === true ? parts.nodes : [node];
  });
  return edit.result(nodes);
}

/** The type that most of the weights have. */
function floatOf({ initializers }: Graph): DataType {
  const weights = [...initializers.values()].filter(({ dtype }) => isFloat(dtype));
  weights.sort((a, b) => elementCount(b.shape) - elementCount(a.shape));
  return weights[0]?.dtype ?? "float32";
}

/** Adds what a node stands for, its result last. Else it is not known, and the node stays. */
type Rule = (node: Node, parts: Parts) => boolean;

const rules: ReadonlyMap<string, Rule> = new Map(
  Object.entries<Rule>({
    BiasGelu: ({ inputs }, parts) => gelu(parts.add("Add", inputs), parts),
    FusedConv: (node, parts) => {
      const { activation: _, activation_params: __, ...attributes } = node.attributes;
      const [x = "", weight = "", bias = "", sum = ""] = node.inputs;
      const layer = parts.add("Conv", bias ? [x, weight, bias] : [x, weight], attributes);
      const whole = sum ? parts.add("Add", [layer, sum]) : layer;
      return activate(whole, parts, {
        activation: attribute(node, "activation", "string"),
        given: attribute(node, "activation_params", "floats") ?? [],
      });
    },
    FusedGemm: (node, parts) => {
      const own = ["alpha", "beta", "transA", "transB"];
      const kept = Object.entries(node.attributes).filter(([name]) => own.includes(name));
      const layer = parts.add("Gemm", node.inputs, Object.fromEntries(kept));
      const given = ["alpha", "beta", "gamma"].map((name) =>
        attribute(node, `activation_${name}`, "float"),
      );
      const activation = attribute(node, "activation", "string");
      return activate(layer, parts, { activation, given });
    },
    FusedMatMul: (node, parts) => {
      const [a = "", b = ""] = node.inputs;
      const isTurned = (name: string) => (attribute(node, name, "int") ?? 0) !== 0;
      if (["transA", "transBatchA", "transBatchB"].some(isTurned)) return false;
      if (isTurned("transB") && parts.edit.value(b)?.shape.length !== 2) return false;
      const right = isTurned("transB") ? parts.add("Transpose", [b]) : b;
      const product = parts.add("MatMul", [a, right]);
      const alpha = attribute(node, "alpha", "float") ?? 1;
      if (alpha !== 1) parts.add("Mul", [product, parts.scalar(alpha)]);
      return true;
    },
    Gelu: ({ inputs }, parts) => gelu(inputs[0]!, parts),
    NhwcMaxPool: ({ inputs: [x = ""], attributes }, parts) =>
      channelsLast(x, parts, (map) => parts.add("MaxPool", [map], attributes)),
    QLinearAveragePool: (node, parts) => quantizedPooling("AveragePool", node, parts),
    QLinearConv: ({ inputs: [x = "", ...others], attributes }, parts) => {
      const { channels_last: last, ...own } = attributes;
      const convolve = (map: string) => parts.add("QLinearConv", [map, ...others], own);
      if (last?.value === 1) return channelsLast(x, parts, convolve);
      convolve(x);
      return true;
    },
    QLinearGlobalAveragePool: (node, parts) => quantizedPooling("GlobalAveragePool", node, parts),
    // Apart, so that the logit before a sigmoid is seen.
    QLinearSigmoid: ({ inputs: [x = "", scale = "", zero = "", ...result] }, parts) => {
      const given = parts.add("DequantizeLinear", [x, scale, zero]);
      parts.add("QuantizeLinear", [parts.add("Sigmoid", [given]), ...result]);
      return true;
    },
    QuickGelu: (node, parts) => {
      const [x = ""] = node.inputs;
      const alpha = parts.scalar(attribute(node, "alpha", "float") ?? 1.702);
      parts.add("Mul", [x, parts.add("Sigmoid", [parts.add("Mul", [x, alpha])])]);
      return true;
    },
  }),
);

function ruleFor({ domain, operator }: Node, opset: number): Rule | undefined {
  if (domain === "com.microsoft") return rules.get(operator);
  return operator === "LayerNormalization" && domain === "" && opset < 17 ? layerNorm : undefined;
}

/** What is computed with channels first of a map that has them last, with channels last again. */
function channelsLast(x: string, parts: Parts, compute: (map: string) => string): boolean {
  const first = parts.add("Transpose", [x], { perm: ints([0, 3, 1, 2]) });
  parts.add("Transpose", [compute(first)], { perm: ints([0, 2, 3, 1]) });
  return true;
}

/** Pooling of whole numbers, which is of floats with channels first: ONNX has none. */
function quantizedPooling(operator: string, node: Node, parts: Parts): boolean {
  const { channels_last: last, ...attributes } = node.attributes;
  const [x = "", scale = "", zero = "", ...result] = node.inputs;
  if (last?.value !== 1) return false;
  return channelsLast(x, parts, (map) => {
    const floats = parts.add("DequantizeLinear", [map, scale, zero]);
    return parts.add("QuantizeLinear", [parts.add(operator, [floats], attributes), ...result]);
  });
}

/** Over the last axis alone, as ONNX Runtime fuses it in models of an opset before 17. */
function layerNorm(node: Node, parts: Parts): boolean {
  const [x = "", scale = "", bias = ""] = node.inputs;
  const axis = attribute(node, "axis", "int") ?? -1;
  const isLast = axis === -1 || parts.edit.value(scale)?.shape.length === 1;
  if (!isLast || node.outputs.slice(1).some(Boolean)) return false;
  const mean = (of: string) => parts.add("ReduceMean", [of], { axes: ints([axis]) });
  const centred = parts.add("Sub", [x, mean(x)]);
  const variance = mean(parts.add("Mul", [centred, centred]));
  const epsilon = parts.scalar(attribute(node, "epsilon", "float") ?? 1e-5);
  const deviation = parts.add("Sqrt", [parts.add("Add", [variance, epsilon])]);
  const scaled = parts.add("Mul", [parts.add("Div", [centred, deviation]), scale]);
  if (bias) parts.add("Add", [scaled, bias]);
  return true;
}

/** The activation behind a fused layer, with its parameters in the order of its attributes. */
function activate(
  x: string,
  parts: Parts,
  {
    activation: operator = "",
    given,
  }: { activation: string | undefined; given: readonly (number | undefined)[] },
): boolean {
  const named = (...names: readonly string[]) =>
    Object.fromEntries(
      names.flatMap((name, i) => (given[i] === undefined ? [] : [[name, float(given[i])]])),
    );
  if (["Relu", "Sigmoid", "Tanh"].includes(operator)) parts.add(operator, [x]);
  else if (operator === "LeakyRelu") parts.add(operator, [x], named("alpha"));
  else if (operator === "HardSigmoid") parts.add(operator, [x], named("alpha", "beta"));
  else if (operator === "Clip") parts.clip(x, given);
  else return false;
  return true;
}

function gelu(x: string, parts: Parts): boolean {
  const scaled = parts.add("Div", [x, parts.scalar(Math.SQRT2)]);
  const shifted = parts.add("Add", [parts.add("Erf", [scaled]), parts.scalar(1)]);
  parts.add("Mul", [parts.add("Mul", [x, shifted]), parts.scalar(0.5)]);
  return true;
}

/** The nodes that one fused node becomes. The last has its output, the first its name. */
class Parts {
  readonly edit: GraphEdit;
  readonly #fused: Node;
  readonly #dtype: DataType;
  readonly #nodes: Node[] = [];

  /** `dtype` is that of the numbers that the new nodes read. */
  constructor(fused: Node, { edit, dtype }: { edit: GraphEdit; dtype: DataType }) {
    this.edit = edit;
    this.#fused = fused;
    this.#dtype = dtype;
  }

  get nodes(): readonly Node[] {
    const { name, outputs } = this.#fused;
    const named = this.#nodes.map((node, i) => (i === 0 ? { ...node, name } : node));
    return named.map((node, i) => (i === named.length - 1 ? { ...node, outputs } : node));
  }

  scalar(value: number): string {
    return this.edit.constant(this.#wanted(), fromNumbers(this.#dtype, [], [value]));
  }

  /** Adds a standard node and returns the name of its result. */
  add(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    const output = this.edit.name(this.#wanted());
    this.#nodes.push(operation(operator, inputs, output, attributes));
    return output;
  }

  /** Limits are attributes before version 11, inputs from then on. */
  clip(x: string, limits: readonly (number | undefined)[]): void {
    const [least = -Infinity, most = Infinity] = limits;
    if (this.edit.graph.opset < 11) this.add("Clip", [x], { min: float(least), max: float(most) });
    else this.add("Clip", [x, this.scalar(least), this.scalar(most)]);
  }

  #wanted(): string {
    return `${this.#fused.outputs[0]}.part`;
  }
}
