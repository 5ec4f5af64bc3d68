// What a shape rule sees: one operator call with what is known of its inputs.

import { ModelError } from "../../errors.ts";
import { counted } from "../../text.ts";
import { attribute, fromFront } from "../attributes.ts";
import type { Budget } from "../budget.ts";
import {
  type DataType,
  describeNode,
  elementCount,
  type Graph,
  type Node,
  type TensorData,
} from "../graph.ts";
import { toNumbers } from "../tensorData.ts";

/** What is known of a tensor before anything runs. */
export interface TensorFacts {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** The elements, where they do not depend on the graph's inputs and are few. */
  readonly value?: TensorData;
}

/** What is known of a graph's tensors, by name. */
export type Facts = ReadonlyMap<string, TensorFacts>;

/** Facts of an operator's outputs, in order; undefined where they depend on data. */
export type Outputs = readonly (TensorFacts | undefined)[];

/** The shape rule of an operator. Throws ModelError where inputs contradict each other. */
export type ShapeRule = (call: Call) => Outputs;

/** Thrown by `Call.integers` and the like where the output's shape depends on data. */
export class DataDependent extends Error {}

/** Infers a subgraph's outputs, seeing the tensors around it. */
type InferSubgraph = (graph: Graph) => Outputs;

/** Sizes, axes, equations and the like have at most as many elements: constants with more are weights. */
const longestList = 4096;

/** One operator call. Methods that read an input throw ModelError where it is missing. */
export class Call {
  readonly node: Node;
  readonly opset: number;
  readonly inferSubgraph: InferSubgraph;
  readonly #inputs: Outputs;
  readonly #budget: Budget;

  constructor(
    node: Node,
    options: { opset: number; inputs: Outputs; inferSubgraph: InferSubgraph; budget: Budget },
  ) {
    this.node = node;
    this.opset = options.opset;
    this.inferSubgraph = options.inferSubgraph;
    this.#inputs = options.inputs;
    this.#budget = options.budget;
  }

  /** The same call on other inputs. */
  on(inputs: Outputs): Call {
    const { node, opset, inferSubgraph } = this;
    return new Call(node, { opset, inputs, inferSubgraph, budget: this.#budget });
  }

  /** Pays for a loop before it runs; see Budget. */
  spend(cost: { steps?: number; bytes?: number }): void {
    this.#budget.spend(this.node, cost);
  }

  /** Refuses the model, naming the node. */
  fail(problem: string): never {
    throw new ModelError(`${describeNode(this.node)}: ${problem}`);
  }

  input(index: number): TensorFacts {
    return this.#inputs[index] ?? this.fail(`input ${index + 1} is missing`);
  }

  /** An input that may be omitted. */
  optional(index: number): TensorFacts | undefined {
    return this.#inputs[index];
  }

  /** All inputs of an operator that takes any number, at least one. */
  variadic(): TensorFacts[] {
    this.input(0);
    return this.#inputs.map((_, index) => this.input(index));
  }

  int(name: string): number | undefined {
    return attribute(this.node, name, "int");
  }

  ints(name: string): readonly number[] | undefined {
    return this.#list(attribute(this.node, name, "ints"), `"${name}"`);
  }

  floats(name: string): readonly number[] | undefined {
    return this.#list(attribute(this.node, name, "floats"), `"${name}"`);
  }

  string(name: string): string | undefined {
    return this.#list(attribute(this.node, name, "string"), `"${name}"`);
  }

  /** The elements of a constant input that is a list or a number. Throws DataDependent where they are not known. */
  constant(index: number): number[] {
    const { value, shape } = this.input(index);
    if (!value) throw new DataDependent();
    this.#list({ length: elementCount(shape) }, `input ${index + 1}`);
    return toNumbers(value);
  }

  #list<List extends { readonly length: number } | undefined>(list: List, label: string): List {
    const length = list?.length ?? 0;
    if (length > longestList) {
      this.fail(`${label} has ${length} elements; at most ${longestList} are allowed`);
    }
    this.spend({ steps: length });
    return list;
  }

  /** The elements of a constant input that must be a list of integers (or one integer). */
  integers(index: number): number[] {
    const { dtype, shape } = this.input(index);
    if ((dtype !== "int64" && dtype !== "int32") || shape.length > 1) {
      this.fail(
        `input ${index + 1} must be a list of integers, but is ${describe(this.input(index))}`,
      );
    }
    return this.constant(index);
  }

  /** Integers that are an attribute before version `since` of the operator, an input from then on. */
  integersSince(since: number, name: string, index: number): readonly number[] | undefined {
    if (this.opset < since) return this.ints(name);
    return this.optional(index) && this.integers(index);
  }

  /** An axis counted from the front; negative ones count from the end. `rank` axes exist. */
  axis(value: number, rank: number): number {
    if (!Number.isInteger(value) || value < -rank || value >= rank) {
      this.fail(`axis ${value} is outside of a tensor with ${counted(rank, "axis", "axes")}`);
    }
    return fromFront(value, rank);
  }

  /** Distinct axes counted from the front. */
  axes(values: readonly number[], rank: number): number[] {
    const axes = values.map((value) => this.axis(value, rank));
    if (new Set(axes).size < axes.length) this.fail(`axes [${values}] repeat an axis`);
    return axes;
  }
}

/** Type and shape as a message shows them: `float32 [1, 3, 32, 32]`. */
export function describe({ dtype, shape }: Pick<TensorFacts, "dtype" | "shape">): string {
  return `${dtype} [${shape.join(", ")}]`;
}

/** Facts with a value only where there is one. */
export function facts(
  dtype: DataType,
  shape: readonly number[],
  value?: TensorData | undefined,
): TensorFacts {
  return value ? { dtype, shape, value } : { dtype, shape };
}

/** The rule of operators whose result is of the first input's type and shape. */
export const sameShape: ShapeRule = (call) => [facts(call.input(0).dtype, call.input(0).shape)];
