// Builds graphs by code, layer by layer. Nodes and parameters bear the path that names the layer, as
// in PyTorch: the weights of layer "layer1.0.conv1" are "layer1.0.conv1.weight".
import { float, int, ints } from "./attributes.ts";
import { Budget } from "./budget.ts";
import {
  type Attribute,
  type Dimension,
  elementCount,
  type Graph,
  type Node,
  type TensorData,
  type ValueInfo,
} from "./graph.ts";
import { operation } from "./operation.ts";
import { normal, uniform } from "./random.ts";
import { constantFacts, inferNode, type TensorFacts } from "./shapes.ts";
import { fromFloat32 } from "./tensorData.ts";

/** A size that is the same along both spatial axes, or one for each. */
type Pair = number | readonly [height: number, width: number];

interface ConvOptions {
  readonly name: string;
  readonly outputs: number;
  readonly kernel: Pair;
  readonly stride?: Pair;
  readonly padding?: Pair;
  readonly groups?: number;
  /** Off unless asked for: batch normalization follows nearly every convolution. */
  readonly bias?: boolean;
}

interface PoolOptions {
  readonly kernel: Pair;
  /** As the kernel where omitted. */
  readonly stride?: Pair;
  readonly padding?: Pair;
  readonly ceilMode?: boolean;
}

/**
 * A graph under construction. Methods take names of tensors and return the name of what they add;
 * shapes are checked at once (ModelError). Weights are drawn from streams keyed by seed and
 * parameter name, so the order of building changes none of them.
 */
export class GraphBuilder {
  readonly #name: string;
  readonly #opset: number;
  readonly #seed: number;
  readonly #inputs: ValueInfo[] = [];
  readonly #outputs: [tensor: string, name: string][] = [];
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, TensorData>();
  readonly #facts = new Map<string, TensorFacts>();
  readonly #budget = new Budget();

  constructor({ name = "", opset = 17, seed = 0 } = {}) {
    this.#name = name;
    this.#opset = opset;
    this.#seed = seed;
  }

  /** A float32 input; a first dimension that is a name is the batch size. */
  input(name: string, shape: readonly Dimension[]): string {
    this.#inputs.push({ name, dtype: "float32", shape });
    const sizes = shape.map((size) => (typeof size === "number" ? size : 1));
    this.#facts.set(name, { dtype: "float32", shape: sizes });
    return name;
  }

  /** Shape of a tensor at batch size 1. */
  shape(tensor: string): readonly number[] {
    const known = this.#facts.get(tensor);
    if (!known) throw new Error(`the builder knows no shape of "${tensor}"`);
    return known.shape;
  }

  /** A parameter or another constant. */
  initializer(name: string, value: TensorData): string {
    this.#facts.set(name, constantFacts(value));
    this.#initializers.set(name, value);
    return name;
  }

  /** Any operator with one output. Its name is derived from its first input where omitted. */
  node(
    operator: string,
    inputs: readonly string[],
    options: { attributes?: Readonly<Record<string, Attribute>>; name?: string } = {},
  ): string {
    const { attributes = {}, name = this.#unused(`${inputs[0] ?? ""}.${operator.toLowerCase()}`) } =
      options;
    const node = { ...operation(operator, inputs, name, attributes), name };
    inferNode(this.#facts, node, { opset: this.#opset, budget: this.#budget });
    this.#nodes.push(node);
    return name;
  }

  /** Convolution; weights from a normal distribution of variance 2 / fan-in (He et al. 2015). */
  conv(x: string, options: ConvOptions): string {
    const { name, outputs, stride = 1, padding = 0, groups = 1, bias = false } = options;
    const kernel = pair(options.kernel);
    const shape = [outputs, this.shape(x)[1]! / groups, ...kernel];
    const deviation = Math.sqrt(2 / elementCount(shape.slice(1)));
    const draw = (stream: string, count: number) =>
      normal({ seed: this.#seed, name: stream }, count).map((value) => value * deviation);
    const inputs = [x, this.#parameter(`${name}.weight`, shape, draw)];
    if (bias) inputs.push(this.#parameter(`${name}.bias`, [outputs], zeros));
    const attributes = {
      kernel_shape: ints(kernel),
      strides: ints(pair(stride)),
      pads: ints([...pair(padding), ...pair(padding)]),
      dilations: ints([1, 1]),
      group: int(groups),
    };
    return this.node("Conv", inputs, { name, attributes });
  }

  batchNorm(x: string, { name, epsilon = 1e-5 }: { name: string; epsilon?: number }): string {
    const shape = [this.shape(x)[1]!];
    const inputs = [
      x,
      this.#parameter(`${name}.weight`, shape, ones),
      this.#parameter(`${name}.bias`, shape, zeros),
      this.#parameter(`${name}.running_mean`, shape, zeros),
      this.#parameter(`${name}.running_var`, shape, ones),
    ];
    const attributes = { epsilon: float(epsilon), momentum: float(0.9) };
    return this.node("BatchNormalization", inputs, { name, attributes });
  }

  /** Fully connected layer; parameters uniform within 1 / sqrt(fan-in), as PyTorch's. */
  linear(x: string, { name, outputs }: { name: string; outputs: number }): string {
    const inputs = this.shape(x)[1]!;
    const draw = (stream: string, count: number) =>
      uniform({ seed: this.#seed, name: stream }, count).map(
        (u) => (2 * u - 1) / Math.sqrt(inputs),
      );
    const weight = this.#parameter(`${name}.weight`, [outputs, inputs], draw);
    const bias = this.#parameter(`${name}.bias`, [outputs], draw);
    return this.node("Gemm", [x, weight, bias], { name, attributes: { transB: int(1) } });
  }

  relu(x: string, options: { name?: string } = {}): string {
    return this.node("Relu", [x], options);
  }

  add(a: string, b: string, options: { name?: string } = {}): string {
    return this.node("Add", [a, b], options);
  }

  /** Joins tensors along the channels. */
  concat(tensors: readonly string[], options: { name?: string } = {}): string {
    return this.node("Concat", tensors, { attributes: { axis: int(1) }, ...options });
  }

  flatten(x: string): string {
    return this.node("Flatten", [x], { attributes: { axis: int(1) } });
  }

  maxPool(x: string, options: PoolOptions): string {
    return this.node("MaxPool", [x], { attributes: poolAttributes(options) });
  }

  averagePool(x: string, options: PoolOptions): string {
    return this.node("AveragePool", [x], { attributes: poolAttributes(options) });
  }

  globalAveragePool(x: string): string {
    return this.node("GlobalAveragePool", [x]);
  }

  /** Makes a tensor an output of the graph, under another name. */
  output(tensor: string, name: string): void {
    this.#outputs.push([tensor, name]);
  }

  build(): Graph {
    const names = new Map(this.#outputs);
    const renamed = (name: string) => names.get(name) ?? name;
    const batch = this.#inputs[0]?.shape?.[0];
    return {
      name: this.#name,
      opset: this.#opset,
      inputs: [...this.#inputs],
      outputs: this.#outputs.map(([tensor, name]) => {
        const { dtype, shape } = this.#facts.get(tensor)!;
        return {
          name,
          dtype,
          shape: typeof batch === "string" ? [batch, ...shape.slice(1)] : shape,
        };
      }),
      nodes: this.#nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map(renamed),
        outputs: node.outputs.map(renamed),
      })),
      initializers: new Map(this.#initializers),
    };
  }

  #parameter(
    name: string,
    shape: readonly number[],
    draw: (stream: string, count: number) => Float32Array,
  ): string {
    return this.initializer(name, fromFloat32(shape, draw(name, elementCount(shape))));
  }

  #unused(name: string): string {
    if (!this.#facts.has(name)) return name;
    let number = 2;
    while (this.#facts.has(`${name}${number}`)) number++;
    return `${name}${number}`;
  }
}

const zeros = (_: string, count: number) => new Float32Array(count);
const ones = (_: string, count: number) => new Float32Array(count).fill(1);

function pair(size: Pair): readonly [number, number] {
  return typeof size === "number" ? [size, size] : size;
}

function poolAttributes({ kernel, stride = kernel, padding = 0, ceilMode = false }: PoolOptions) {
  return {
    kernel_shape: ints(pair(kernel)),
    strides: ints(pair(stride)),
    pads: ints([...pair(padding), ...pair(padding)]),
    ...(ceilMode && { ceil_mode: int(1) }),
  };
}
