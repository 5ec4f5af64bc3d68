// A quantized graph under way to floats: what its tensors stand for, and the nodes and weights so far.
import { float, int } from "../attributes.ts";
import { GraphEdit } from "../edit.ts";
import { type DataType, elementCount, type Graph, type Node, type TensorData } from "../graph.ts";
import { givesNonNegative } from "../nonNegative.ts";
import { operation } from "../operation.ts";
import { fromNumbers, toNumbers } from "../tensorData.ts";
import { consumers, downstream } from "../topology.ts";
import { codeOf } from "../typeCodes.ts";
import {
  dequantizeValues,
  floatRange,
  type Layout,
  type QuantizationParameters,
  rescaling,
  unitOf,
} from "./quantizedValues.ts";
import { feedsLayer, isSum } from "./saturation.ts";

/** What the rules of single operators read and write. */
export class Dequantization {
  readonly edit: GraphEdit;
  readonly #nodes: Node[] = [];
  /** Position of the node that makes a tensor. */
  readonly #makers = new Map<string, number>();
  readonly #readers: ReadonlyMap<string, readonly Node[]>;
  /** Tensors that are computed from the images. */
  readonly #activations: ReadonlySet<string>;
  /** Tensors of whole numbers in the file that are floats here, and how they were quantized. */
  readonly #floats = new Map<string, QuantizationParameters>();
  /** By the name of a constant: how it was last read, and the name of its floats. */
  readonly #weights = new Map<string, readonly [QuantizationParameters, string]>();
  /** Tensors without negative values. */
  readonly #nonNegative: Set<string>;

  constructor(graph: Graph) {
    this.edit = new GraphEdit(graph);
    this.#readers = consumers(graph);
    const inputs = graph.inputs.map(({ name }) => name);
    this.#activations = downstream(graph, inputs).tensors;
    // Images are what the quantizer saw: nothing is cut off.
    this.#nonNegative = new Set(inputs);
  }

  constant(name: string | undefined): TensorData | undefined {
    return this.edit.value(name ?? "");
  }

  /** Whether a tensor of the file is the same for all images. */
  isOfConstants(name: string): boolean {
    return !this.#activations.has(name);
  }

  /** How whole numbers of the file are quantized that are floats here; undefined for other tensors. */
  quantizationOf(name: string): QuantizationParameters | undefined {
    return this.#floats.get(name);
  }

  /** Scale and zero point of these names; undefined where they are no constants. */
  quantization(
    scale: string | undefined,
    zero: string | undefined,
  ): QuantizationParameters | undefined {
    const [by, from] = [this.constant(scale), this.constant(zero)];
    return by && (!zero || from) ? { scale: by, zero: from } : undefined;
  }

  /**
   * The floats that whole numbers stand for under these parameters: a constant becomes one of floats, and what is
   * floats already is rescaled where it was quantized otherwise. Undefined where parameters are not known or differ for
   * single places of an axis.
   */
  float(
    name: string,
    by: QuantizationParameters | undefined,
    layout: Layout = { axis: 1 },
  ): string | undefined {
    const value = this.constant(name);
    if (!by) return undefined;
    if (!value) return this.#rescale(name, by);
    const [known, float] = this.#weights.get(name) ?? [];
    if (known?.scale === by.scale && known.zero === by.zero) return float;
    const made = this.edit.constant(`${name}.float`, dequantizeValues(value, by, layout));
    this.#weights.set(name, [by, made]);
    return made;
  }

  /** What is whole numbers here, too, is so under a scale of 1. */
  #rescale(name: string, by: QuantizationParameters): string | undefined {
    const from = this.#floats.get(name) ?? unitOf("int32");
    const change = rescaling(from, by);
    if (!change) return undefined;
    const { dtype } = by.scale;
    const step = (operator: string, inputs: readonly string[], attributes = {}) => {
      const output = this.edit.name(`${name}.rescaled`);
      this.add(operation(operator, inputs, output, attributes));
      return output;
    };
    const constant = (part: string, value: number) =>
      this.edit.constant(`${name}.${part}`, fromNumbers(dtype, [], [value]));
    const { factor, offset } = change;
    const cast =
      from.scale.dtype === dtype ? name : step("Cast", [name], { to: int(codeOf(dtype)) });
    const scaled = factor === 1 ? cast : step("Mul", [cast, constant("factor", factor)]);
    return offset === 0 ? scaled : step("Add", [scaled, constant("offset", offset)]);
  }

  /** Adds a node of the standard operators; `by` tells of which quantization its results are, if they stand for one. */
  add(node: Omit<Node, "domain">, by?: QuantizationParameters): void {
    const standard = { ...node, domain: "" };
    this.#push(standard);
    const { outputs } = node;
    const results = node.operator === "Split" ? outputs : outputs.slice(0, 1);
    if (by) for (const name of results) this.#floats.set(name, by);
    const holds = (name: string) => this.#isNonNegative(name);
    if (givesNonNegative(standard, holds)) for (const name of outputs) this.#nonNegative.add(name);
  }

  /** Of constants, single numbers alone are looked at. */
  #isNonNegative(name: string): boolean {
    const value = this.constant(name);
    if (!value) return this.#nonNegative.has(name);
    return elementCount(value.shape) === 1 && toNumbers(value)[0]! >= 0;
  }

  /** Adds a node as it is, which reads whole numbers again where it did in the file. */
  pass(node: Node): void {
    const inputs = node.inputs.map((name) => this.#whole(name));
    if (node.domain === "") this.add({ ...node, inputs });
    else this.#push({ ...node, inputs });
  }

  /** The file's whole numbers of what is floats here; the tensor itself where it is not, or they are not known. */
  #whole(name: string): string {
    const by = this.#floats.get(name);
    if (!by || !floatRange(by)) return name;
    const { scale, zero = fromNumbers("uint8", scale.shape, [0]) } = by;
    const output = this.edit.name(`${name}.whole`);
    const parameters = [scale, zero].map((value) => this.edit.constant(`${output}.by`, value));
    this.add(operation("QuantizeLinear", [name, ...parameters], output));
    return output;
  }

  /** Makes `to` the floats of `from` as quantized: the same, but for what a ReLU or another Clip cuts off. */
  quantize(from: string, to: string, by: QuantizationParameters): void {
    this.#floats.set(to, by);
    const range = floatRange(by);
    if (!range || !this.#isClipped(from, to, range)) {
      this.#copy(from, to);
      return;
    }
    const [before, after] = this.#takeName(from, to);
    this.#clip(before, after, { range, dtype: by.scale.dtype });
    if (after !== to) this.#copy(after, to);
  }

  #copy(from: string, to: string): void {
    this.add(operation("Identity", [from], to));
  }

  /** Whether the range does the work of a nonlinearity that the quantizer dropped. */
  #isClipped(from: string, to: string, [least]: readonly [number, number]): boolean {
    if (this.#isNonNegative(from)) return false;
    if (least === 0) return true;
    const maker = this.#nodes[this.#makers.get(from) ?? -1];
    const isCut = (node: Node) => this.#isCut(node);
    return maker !== undefined && isSum(maker) && feedsLayer(to, { readers: this.#readers, isCut });
  }

  /** Whether a node of the file writes nothing negative, though it may read it. */
  #isCut({ operator, inputs }: Node): boolean {
    if (!operator.startsWith("Q")) return false;
    const places: Readonly<Record<string, number>> = { QuantizeLinear: 1, QLinearConcat: 0 };
    const place = places[operator] ?? inputs.length - 2;
    const by = this.quantization(inputs[place], inputs[place + 1]);
    return by !== undefined && floatRange(by)?.[0] === 0;
  }

  /** Limits are attributes before version 11, inputs from then on. */
  #clip(
    from: string,
    to: string,
    { range: [least, most], dtype }: { range: readonly [number, number]; dtype: DataType },
  ): void {
    if (this.edit.graph.opset < 11) {
      this.add(operation("Clip", [from], to, { min: float(least), max: float(most) }));
    } else {
      const limits = [least, most].map((value, i) =>
        this.edit.constant(`${to}.${i === 0 ? "least" : "most"}`, fromNumbers(dtype, [], [value])),
      );
      this.add(operation("Clip", [from, ...limits], to));
    }
  }

  result(): Graph {
    const outputs = this.edit.graph.outputs.map((info) => ({
      ...info,
      dtype: this.#floats.get(info.name)?.scale.dtype ?? info.dtype,
    }));
    return { ...this.edit.result(this.#nodes), outputs };
  }

  #push(node: Node): void {
    for (const name of node.outputs) this.#makers.set(name, this.#nodes.length);
    this.#nodes.push(node);
  }

  /** What is clipped takes the name of what was not, where nothing else reads that: it had it in training. */
  #takeName(from: string, to: string): readonly [before: string, after: string] {
    const index = this.#makers.get(from);
    const isOutput = this.edit.graph.outputs.some(({ name }) => name === from);
    if (index === undefined || isOutput || (this.#readers.get(from)?.length ?? 0) !== 1)
      return [from, to];
    const before = this.edit.name(`${from}.linear`);
    const maker = this.#nodes[index]!;
    const outputs = maker.outputs.map((name) => (name === from ? before : name));
    this.#nodes[index] = { ...maker, outputs };
    return [before, from];
  }
}
