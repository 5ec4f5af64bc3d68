// The head of a classifier under construction: what its tensors are as rows, [batch, columns].
import { int } from "../attributes.ts";
import { elementCount, type Graph, type Node, type TensorData } from "../graph.ts";
import { operation } from "../operation.ts";
import type { Facts } from "../shapes.ts";
import { fromFloat32, toNumbers } from "../tensorData.ts";
import { consumers, tensorNames } from "../topology.ts";
import { factsForAnyBatch } from "./anyBatch.ts";
import type { Affine, Linear } from "./linearLayers.ts";

/** The opset of canonical heads: that of the chain, whatever the original's. */
const canonicalOpset = 17;

/**
 * Numbers of each image as a matrix [batch, columns]. What gives it may still wait to be written: a scale and
 * shift of each column of `name`, or a layer, never both.
 */
export interface Row {
  readonly name: string;
  readonly columns: number;
  readonly affine?: Affine | undefined;
  /** The linear layer that alone gives it, which may take in what follows. */
  readonly layer?: { readonly input: string; readonly linear: Linear } | undefined;
}

/** A head under construction: what its tensors are as rows. */
export class Head {
  readonly graph: Graph;
  /** Facts at a batch size of 2. */
  readonly facts: Facts;
  readonly #map: string;
  readonly #readers: ReadonlyMap<string, readonly Node[]>;
  readonly #prefix: string;
  readonly #rows = new Map<string, Row>();
  readonly #settled = new Map<Row, string>();
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, TensorData>();

  constructor(graph: Graph, map: string) {
    this.graph = graph;
    this.#map = map;
    this.facts = factsForAnyBatch(graph).small;
    this.#readers = consumers(graph);
    const names = [...tensorNames(graph)];
    let prefix = "head";
    while (names.some((name) => name.startsWith(prefix))) prefix += "_";
    this.#prefix = prefix;
  }

  /** Numbers of a constant. */
  constant(name: string | undefined): readonly number[] | undefined {
    const value = this.graph.initializers.get(name ?? "");
    return value && toNumbers(value);
  }

  shape(name: string): readonly number[] {
    return this.facts.get(name)?.shape ?? [];
  }

  /** Whether a tensor is the feature map. */
  isMap(name: string): boolean {
    return name === this.#map;
  }

  row(name: string): Row | undefined {
    return this.#rows.get(name);
  }

  setRow(name: string, row: Row): true {
    this.#rows.set(name, row);
    return true;
  }

  /** Whether one node alone reads a tensor. */
  isReadOnce(name: string): boolean {
    const isOutput = this.graph.outputs.some((output) => output.name === name);
    return !isOutput && this.#readers.get(name)?.length === 1;
  }

  /** The pooled map, or the map itself, as a row. */
  flatten(tensor: string, pooling?: "GlobalAveragePool" | "GlobalMaxPool"): true {
    const [, channels = 0, ...sizes] = this.shape(this.#map);
    const area = elementCount(sizes);
    const pooled = pooling ? this.#emit(pooling, [this.#map]) : this.#map;
    const name = this.#emit("Flatten", [pooled]);
    return this.setRow(tensor, { name, columns: pooling ? channels : channels * area });
  }

  /** An operator of rows. */
  apply(tensor: string, columns: number, node: Omit<Node, "name" | "domain" | "outputs">): true {
    const name = this.#emit(node.operator, node.inputs, node.attributes);
    return this.setRow(tensor, { name, columns });
  }

  /** The name of a constant of one number, for a node that comes next. */
  scalar(value: number): string {
    const name = `${this.#prefix}${this.#nodes.length}.${this.#initializers.size}`;
    this.#initializers.set(name, fromFloat32([], Float32Array.of(value)));
    return name;
  }

  /** The name of a row with everything done to it. */
  settled(row: Row): string {
    const known = this.#settled.get(row);
    if (known) return known;
    let { name } = row;
    if (row.layer) name = this.#emitLayer(row.layer.input, row.layer.linear);
    if (row.affine) {
      const { scale, shift } = row.affine;
      const scaled = this.#emit("Mul", [name, this.#constantRow(scale)]);
      name = this.#emit("Add", [scaled, this.#constantRow(shift)]);
    }
    this.#settled.set(row, name);
    return name;
  }

  /** The graph in canonical form; undefined where its output is no row. */
  finish(output: string): Graph | undefined {
    const row = this.#rows.get(output);
    if (!row) return undefined;
    const last = this.settled(row);
    const renamed = (name: string) => (name === last ? output : name);
    const nodes = this.#nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(renamed),
      outputs: node.outputs.map(renamed),
    }));
    const isMade = nodes.some(({ outputs }) => outputs.includes(output));
    if (!isMade) return undefined;
    const initializers = this.#initializers;
    return { ...this.graph, opset: canonicalOpset, nodes, initializers };
  }

  #emitLayer(input: string, { inputs, weight, bias }: Linear): string {
    const layer = `${this.#prefix}${this.#nodes.length}`;
    const [w, b] = [`${layer}.weight`, `${layer}.bias`];
    this.#initializers.set(w, fromFloat32([bias.length, inputs], Float32Array.from(weight)));
    this.#initializers.set(b, fromFloat32([bias.length], Float32Array.from(bias)));
    return this.#emit("Gemm", [input, w, b], { transB: int(1) });
  }

  #constantRow(values: Float64Array): string {
    const name = `${this.#prefix}${this.#nodes.length}.constant`;
    this.#initializers.set(name, fromFloat32([values.length], Float32Array.from(values)));
    return name;
  }

  #emit(operator: string, inputs: readonly string[], attributes: Node["attributes"] = {}): string {
    const output = `${this.#prefix}${this.#nodes.length}`;
    this.#nodes.push(operation(operator, inputs, output, attributes));
    return output;
  }
}
