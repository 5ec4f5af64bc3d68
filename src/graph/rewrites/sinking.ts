// A pass over a graph in which tensors may stand in another arrangement than the graph says.
import { int, ints } from "../attributes.ts";
import { GraphEdit } from "../edit.ts";
import type { Graph, Node } from "../graph.ts";
import { operation } from "../operation.ts";
import type { Facts } from "../shapes.ts";
import { producers } from "../topology.ts";
import { factsForAnyBatch } from "./anyBatch.ts";
import { eliminateDeadNodes } from "./eliminateDeadNodes.ts";
import { removeIdentities } from "./identities.ts";
import { identity, inverse, isIdentity, layoutChange, movesNothing } from "./permutation.ts";

/**
 * How a tensor of the graph comes from one that is there: axis i is its axis `axes[i]`, or of a matrix
 * column j its column `columns[j]`.
 */
export interface Arrangement {
  readonly name: string;
  readonly axes?: readonly number[] | undefined;
  readonly columns?: readonly number[] | undefined;
}

/** Adds what a node computes in another arrangement; false where it cannot. */
export type LayoutRule = (node: Node, state: Sinking) => boolean;

/** One pass over the nodes, in which tensors may stand in another arrangement than the graph says. */
export class Sinking {
  /** Gets the constants that new nodes read. */
  readonly edit: GraphEdit;
  readonly facts: Facts;
  readonly #nodes: Node[] = [];
  readonly #arranged = new Map<string, Arrangement>();
  /** Tensors that were put back in the arrangement of the graph. */
  readonly #restored = new Map<string, string>();
  readonly #outputs: ReadonlySet<string>;
  readonly #kept: ReadonlySet<string>;

  /** `kept` chooses tensors that are to stand as the graph says. */
  constructor(graph: Graph, kept: (facts: Sinking["facts"]) => ReadonlySet<string>) {
    this.edit = new GraphEdit(graph);
    this.facts = factsForAnyBatch(graph).small;
    this.#kept = kept(this.facts);
    this.#outputs = new Set(graph.outputs.map(({ name }) => name));
  }

  /** Runs every node through its rule. */
  run(rules: ReadonlyMap<string, LayoutRule>): Graph {
    for (const node of this.edit.graph.nodes) {
      this.#sink(node, rules);
      for (const name of node.outputs) if (this.#kept.has(name)) this.#putBack(name);
    }
    const made = producers({ nodes: this.#nodes });
    for (const name of this.#outputs) {
      if (made.has(name) || !this.#arranged.has(name)) continue;
      this.#nodes.push(operation("Identity", [this.restore(name)], name));
    }
    return eliminateDeadNodes(removeIdentities(this.edit.result(this.#nodes)));
  }

  #sink(node: Node, rules: ReadonlyMap<string, LayoutRule>): void {
    const isArranged = node.inputs.some((name) => this.#arranged.has(name));
    const canSink = node.domain === "" && (isArranged || layoutChange(node));
    if (canSink && rules.get(node.operator)?.(node, this)) return;
    this.#nodes.push({ ...node, inputs: node.inputs.map((name) => this.restore(name)) });
  }

  /** Gives a tensor under its own name in the arrangement of the graph. */
  #putBack(tensor: string): void {
    const { name, axes } = this.arrangement(tensor);
    if (!axes || name === tensor) return;
    this.#nodes.push(operation("Transpose", [name], tensor, { perm: ints(axes) }));
    this.#arranged.delete(tensor);
  }

  /** How a tensor stands. */
  arrangement(name: string): Arrangement {
    return this.#arranged.get(name) ?? { name };
  }

  /** Adds a node whose first output stands in another arrangement than the graph says. */
  emit(node: Node, how: Omit<Arrangement, "name"> = {}): void {
    const [output = "", ...others] = node.outputs;
    const isNamed = this.#outputs.has(output) || this.#kept.has(output);
    const isFixed = isNamed && !isPlain(how);
    const name = isFixed ? this.edit.name(`${output}.arranged`) : output;
    this.#nodes.push({ ...node, outputs: [name, ...others] });
    this.stand(output, { name, ...how });
  }

  /** Says how a tensor of the graph stands. */
  stand(tensor: string, { name, axes, columns }: Arrangement): void {
    if (!isPlain({ axes, columns }))
      this.#arranged.set(tensor, axes ? { name, axes } : { name, columns: columns! });
    else if (name !== tensor) this.#arranged.set(tensor, { name });
  }

  /** The name of a tensor in the arrangement of the graph. */
  restore(tensor: string): string {
    const { name, axes, columns } = this.arrangement(tensor);
    if (!axes && !columns) return name;
    const known = this.#restored.get(tensor);
    if (known) return known;
    const restored = this.edit.name(`${tensor}.restored`);
    if (axes) this.#nodes.push(operation("Transpose", [name], restored, { perm: ints(axes) }));
    else {
      const order = this.edit.integers(`${tensor}.columns`, columns!);
      this.#nodes.push(operation("Gather", [name, order], restored, { axis: int(1) }));
    }
    this.#restored.set(tensor, restored);
    return restored;
  }

  /** The name of a tensor whose axes stand as asked for. */
  arrange(tensor: string, axes: readonly number[]): string {
    const found = this.arrangement(tensor);
    if (String(found.axes ?? identity(axes.length)) === String(axes)) return found.name;
    const output = this.edit.name(`${tensor}.arranged`);
    const [restored, perm] = [this.restore(tensor), inverse(axes)];
    const { shape } = this.facts.get(tensor)!;
    if (movesNothing(shape, perm)) {
      const sizes = [0, ...perm.slice(1).map((axis) => shape[axis]!)];
      const target = this.edit.integers(`${output}.shape`, sizes);
      this.#nodes.push(operation("Reshape", [restored, target], output));
    } else this.#nodes.push(operation("Transpose", [restored], output, { perm: ints(perm) }));
    return output;
  }
}

function isPlain({ axes = [], columns = [] }: Omit<Arrangement, "name">): boolean {
  return isIdentity(axes) && isIdentity(columns);
}
