// A graph on a device: runs on libtorch, learns, and becomes a graph again.

import { isOutOfMemory, ModelError, ResourceError } from "../errors.ts";
import {
  describeNode,
  elementCount,
  type Graph,
  type Node,
  type TensorData,
} from "../graph/graph.ts";
import { takeBranches } from "../graph/rewrites/branches.ts";
import { inferShapes } from "../graph/shapes.ts";
import { isFloat } from "../graph/tensorData.ts";
import { record } from "../record.ts";
import {
  type Device,
  keep,
  operator,
  parameter,
  scope,
  type Tensor,
  zeros,
} from "../torch/index.ts";
import { alias, mostHostValues } from "./aten.ts";
import { toTensor, toTensorData } from "./constants.ts";
import { assertAffordable } from "./guard.ts";
import type { OperatorContext } from "./operator.ts";
import { trainedInitializers } from "./parameters.ts";
import { convertInputs, type Precision } from "./precision.ts";
import { compile, type Program, type Step } from "./program.ts";
import { assertSupported } from "./table.ts";

export interface NetworkOptions {
  /** The CPU by default. */
  readonly device?: Device;
  /** f32 by default. bf16 computes matrix products and activations in bfloat16, on f32 weights. */
  readonly precision?: Precision;
  /** Whether the parameters require gradients; false by default. */
  readonly trainable?: boolean;
}

export interface ForwardOptions {
  /** Whether batch norm takes the batch's statistics and updates the running ones, and dropout drops. */
  readonly training?: boolean;
  /** Weight of the batch in the running statistics while training; as the graph says by default. */
  readonly batchWeight?: number | undefined;
  /** Names of the tensors to return, inner ones too; the graph's outputs by default. */
  readonly outputs?: readonly string[];
}

const inferring = operator<boolean>("aten::is_inference");

/** More programs than shapes and outputs that a program uses in turn. */
const mostPrograms = 16;

/** Most elements of a tensor whose shape is known before running, and of one whose shape is not. */
const [mostElements, mostDynamicElements] = [2 ** 31, 2 ** 27];

interface LoadedProgram extends Program {
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** A graph on a device. Its tensors live until `dispose()`. */
export class Network {
  readonly graph: Graph;
  /** Float initializers that training changes, by name. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Running statistics and the other float constants, by name. */
  readonly buffers: ReadonlyMap<string, Tensor>;
  readonly #device: Device;
  readonly #precision: Precision;
  readonly #programs = new Map<string, LoadedProgram>();

  /** Throws ModelError that lists every operator without support. */
  constructor(graph: Graph, options: NetworkOptions = {}) {
    const { device = "cpu", precision = "f32", trainable = false } = options;
    assertSupported(graph);
    this.graph = takeBranches(graph);
    this.#device = device;
    this.#precision = precision;
    const trained = trainedInitializers(this.graph);
    const parameters = new Map<string, Tensor>();
    const buffers = new Map<string, Tensor>();
    scope(() => {
      for (const [name, value] of this.graph.initializers) {
        if (!isFloat(value.dtype)) continue;
        const tensor = toTensor(value, device);
        if (!trained.has(name)) buffers.set(name, keep(tensor));
        else parameters.set(name, trainable ? parameter(tensor) : keep(tensor));
      }
    });
    this.parameters = parameters;
    this.buffers = buffers;
  }

  /**
   * Runs the graph on inputs by name and returns outputs by name, float ones as float32. Throws
   * ModelError, with the node's name, for whatever keeps the graph from running.
   */
  forward(
    inputs: Readonly<Record<string, Tensor>>,
    options: ForwardOptions = {},
  ): Record<string, Tensor> {
    const { training = false, batchWeight } = options;
    const { outputs = this.graph.outputs.map(({ name }) => name) } = options;
    const program = this.#program(inputs, { training, outputs });
    return scope(() => {
      const values = new Map<string, Tensor>();
      for (const [name, tensor] of Object.entries(inputs)) values.set(name, this.#place(tensor));
      const held = [values, this.parameters, this.buffers, program.tensors];
      const tensorOf = (name: string) => {
        const found = held.find((tensors) => tensors.has(name))?.get(name);
        if (!found) throw new ModelError(`tensor "${name}" is read before it is made`);
        return found;
      };
      for (const step of program.steps) {
        const results = this.#run(step, { tensorOf, training, batchWeight });
        step.outputs.forEach((name, index) => {
          const result = results[index];
          if (name !== "" && result) values.set(name, result);
          else result?.dispose();
        });
        for (const name of step.release) {
          values.get(name)?.dispose();
          values.delete(name);
        }
      }
      return record(outputs.map((name) => [name, asResult(tensorOf(name))]));
    });
  }

  /** The first output for a tensor in place of the only input. Throws as `forward` does. */
  apply(x: Tensor, options: Omit<ForwardOptions, "outputs"> = {}): Tensor {
    const { name } = this.graph.outputs[0]!;
    return this.activations(x, [name], options)[name]!;
  }

  /** Tensors of these names, inner ones too, for one in place of the only input. Throws as `forward` does. */
  activations(
    x: Tensor,
    outputs: readonly string[],
    options: Omit<ForwardOptions, "outputs"> = {},
  ): Record<string, Tensor> {
    return this.forward({ [this.graph.inputs[0]!.name]: x }, { ...options, outputs });
  }

  /** The same graph with the present values of parameters and buffers. */
  toGraph(): Graph {
    const initializers = new Map<string, TensorData>();
    for (const [name, value] of this.graph.initializers) {
      const tensor = this.parameters.get(name) ?? this.buffers.get(name);
      initializers.set(name, tensor ? scope(() => toTensorData(tensor, value.dtype)) : value);
    }
    return { ...this.graph, initializers };
  }

  /** Frees all tensors of the network. */
  dispose(): void {
    for (const program of this.#programs.values()) disposeAll(program.tensors);
    this.#programs.clear();
    disposeAll(this.parameters);
    disposeAll(this.buffers);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #program(
    inputs: Readonly<Record<string, Tensor>>,
    options: { training: boolean; outputs: readonly string[] },
  ): LoadedProgram {
    this.#checkNames(Object.keys(inputs));
    const shapes = Object.entries(inputs).map(([name, { shape }]) => [name, shape] as const);
    // Tensors made in inference mode are of no use outside of it.
    const isInference = scope(() => inferring(zeros([0])));
    const key = JSON.stringify([shapes, options, isInference]);
    const cached = this.#programs.get(key);
    if (cached) return cached;
    const facts = inferShapes(this.graph, new Map(shapes));
    const program = compile(this.graph, {
      ...options,
      facts,
      parameters: this.parameters.keys(),
      device: this.#device,
    });
    if (this.#device === "cpu") assertAffordable(this.graph, program, facts);
    const tensors = new Map(
      [...program.constants].map(([name, value]) => [name, keep(toTensor(value, this.#device))]),
    );
    const loaded = { ...program, tensors };
    const [oldest] = this.#programs.keys();
    if (this.#programs.size >= mostPrograms && oldest !== undefined) {
      disposeAll(this.#programs.get(oldest)!.tensors);
      this.#programs.delete(oldest);
    }
    this.#programs.set(key, loaded);
    return loaded;
  }

  #checkNames(given: readonly string[]): void {
    const expected = this.graph.inputs.map(({ name }) => name);
    const missing = new Set(expected);
    const isExpected = given.every((name) => missing.delete(name));
    if (!isExpected || missing.size > 0) {
      throw new ModelError(`expected the inputs ${quote(expected)}, received ${quote(given)}`);
    }
  }

  /** An input on the network's device, images with their channels last, which libtorch is fastest with. */
  #place(input: Tensor): Tensor {
    const images = input.shape.length === 4 && isFloat(input.dtype);
    const placed = input.to({
      device: this.#device,
      ...(images && { memoryFormat: "channelsLast" as const }),
    });
    return placed.dtype === "float16" || placed.dtype === "bfloat16"
      ? placed.to({ dtype: "float32" })
      : placed;
  }

  #run(
    step: Step,
    context: { tensorOf: (name: string) => Tensor } & Pick<
      OperatorContext,
      "training" | "batchWeight"
    >,
  ): readonly Tensor[] {
    const { node, known, unknown } = step;
    const { tensorOf, training, batchWeight } = context;
    try {
      return scope(() => {
        const tensors = step.inputs.map((name) =>
          name === undefined ? undefined : tensorOf(name),
        );
        const call: OperatorContext = {
          opset: this.graph.opset,
          training,
          batchWeight,
          device: this.#device,
          mostElements: step.isDynamic ? mostDynamicElements : mostElements,
          outputs: node.outputs.length,
          isUsed: (output) => Boolean(step.outputs[output]),
          values: (input) =>
            known.get(input) ?? (unknown.has(input) ? hostValues(tensors[input]) : undefined),
        };
        const inputs = this.#precision === "bf16" ? convertInputs(node.operator, tensors) : tensors;
        const result = step.operator(inputs as never, step.attributes, call);
        const results = Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor];
        // A tensor has one name: what an operator hands through gets another.
        return results.map((tensor) => (tensors.includes(tensor) ? alias(tensor) : tensor));
      });
    } catch (error) {
      // Outside of training, a CPU's memory is spent by sizes in the file.
      const isOurs = training || this.#device !== "cpu";
      throw describeFailure(step.node, error, { isOurs });
    }
  }
}

/** Reads back a tensor that holds sizes or positions. */
function hostValues(tensor: Tensor | undefined): number[] | undefined {
  if (tensor && elementCount(tensor.shape) > mostHostValues) {
    throw new RangeError(`[${tensor.shape}] sizes or positions are too many`);
  }
  return tensor?.numbers();
}

function disposeAll(tensors: ReadonlyMap<string, Tensor>): void {
  for (const tensor of tensors.values()) tensor.dispose();
}

function quote(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ") || "none";
}

/** A result as the caller's own tensor, never one of the network's. */
function asResult(tensor: Tensor): Tensor {
  return tensor.dtype === "bfloat16" ? tensor.to({ dtype: "float32" }) : alias(tensor);
}

/** The error of a node. Lack of memory is the machine's, not the model's, where `isOurs` says so. */
function describeFailure(node: Node, error: unknown, { isOurs }: { isOurs: boolean }): Error {
  const message = `${describeNode(node)}: ${error instanceof Error ? error.message : String(error)}`;
  const Failure = isOurs && isOutOfMemory(error) ? ResourceError : ModelError;
  return new Failure(message, { cause: error });
}
