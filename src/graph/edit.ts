// A graph under change: names that are still free, and the constants that new nodes read.
import { FreshNames } from "./freshNames.ts";
import type { Graph, Node, TensorData } from "./graph.ts";
import { fromNumbers } from "./tensorData.ts";
import { tensorNames } from "./topology.ts";

/** Collects what a rewrite adds to a graph besides its nodes. The graph itself stays as it is. */
export class GraphEdit {
  readonly graph: Graph;
  readonly #names: FreshNames;
  readonly #initializers: Map<string, TensorData>;

  constructor(graph: Graph) {
    this.graph = graph;
    this.#names = new FreshNames(tensorNames(graph));
    this.#initializers = new Map(graph.initializers);
  }

  /** A name that no tensor has: the wanted one where it is free, else with a number. */
  name(wanted: string): string {
    return this.#names.next(wanted);
  }

  /** The constant of this name, an added one too; undefined for other tensors. */
  value(name: string): TensorData | undefined {
    return this.#initializers.get(name);
  }

  /** Makes a tensor of this very name a constant. */
  set(name: string, value: TensorData): void {
    this.#initializers.set(name, value);
  }

  /** Adds a constant and returns its name. */
  constant(wanted: string, value: TensorData): string {
    const name = this.name(wanted);
    this.set(name, value);
    return name;
  }

  /** Adds an int64 list, such as sizes or axes, and returns its name. */
  integers(wanted: string, values: readonly number[]): string {
    return this.constant(wanted, fromNumbers("int64", [values.length], values));
  }

  /** The graph with these nodes and all constants. */
  result(nodes: readonly Node[]): Graph {
    return { ...this.graph, nodes, initializers: this.#initializers };
  }
}
