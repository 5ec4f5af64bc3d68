// Attributes of operators: the type of each by its name, which the supported operators use alike, but
// for "value". Defaults stand where an operator destructures them, as in the specification.
import { ModelError } from "../errors.ts";
import { attribute } from "../graph/attributes.ts";
import { type Attribute, describeNode, type Node, type TensorData } from "../graph/graph.ts";

const attributeTypes = {
  align_corners: "int",
  allowzero: "int",
  alpha: "float",
  antialias: "int",
  approximate: "string",
  auto_pad: "string",
  axes: "ints",
  axis: "int",
  batch_axis: "int",
  batch_dims: "int",
  beta: "float",
  bias: "float",
  blocksize: "int",
  ceil_mode: "int",
  coordinate_transformation_mode: "string",
  count_include_pad: "int",
  cubic_coeff_a: "float",
  detect_negative: "int",
  detect_positive: "int",
  dilations: "ints",
  direction: "string",
  dtype: "int",
  end: "int",
  epsilon: "float",
  equation: "string",
  exclude_outside: "int",
  exclusive: "int",
  extrapolation_value: "float",
  fmod: "int",
  gamma: "float",
  group: "int",
  is_causal: "int",
  k: "int",
  keep_aspect_ratio_policy: "string",
  keepdims: "int",
  kernel_shape: "ints",
  kv_num_heads: "int",
  lambd: "float",
  largest: "int",
  max: "float",
  min: "float",
  mode: "string",
  momentum: "float",
  nearest_mode: "string",
  noop_with_empty_axes: "int",
  num_groups: "int",
  num_outputs: "int",
  output_padding: "ints",
  output_shape: "ints",
  p: "int",
  padding_mode: "string",
  pads: "ints",
  perm: "ints",
  q_num_heads: "int",
  qk_matmul_output_mode: "int",
  ratio: "float",
  reduction: "string",
  reverse: "int",
  round_mode: "string",
  saturate: "int",
  scale: "float",
  scales: "floats",
  seed: "int",
  select_last_index: "int",
  shape: "ints",
  size: "int",
  softcap: "float",
  softmax_precision: "int",
  sorted: "int",
  spatial: "int",
  split: "ints",
  start: "int",
  starts: "ints",
  ends: "ints",
  stash_type: "int",
  storage_order: "int",
  strides: "ints",
  time_axis: "int",
  to: "int",
  training_mode: "int",
  transA: "int",
  transB: "int",
  upper: "int",
} as const satisfies Record<string, Attribute["type"]>;

type Types = typeof attributeTypes;
type ValueOf<Type extends Attribute["type"]> = Extract<Attribute, { type: Type }>["value"];

/** A node's attributes by name, each of the type that the specification gives it. */
export type Attributes = {
  readonly [Name in keyof Types]?: ValueOf<Types[Name]>;
} & {
  /** A number for Pad, a tensor of one element for ConstantOfShape. */
  readonly value?: number | TensorData;
};

/** Reads a node's attributes. Throws ModelError for an unknown one or one of the wrong type. */
export function readAttributes(node: Node): Attributes {
  const values: Record<string, unknown> = {};
  for (const name of Object.keys(node.attributes)) {
    if (name === "value") values[name] = attribute(node, name, valueType(node));
    else if (isKnown(name)) values[name] = attribute(node, name, attributeTypes[name]);
    else throw new ModelError(`${describeNode(node)}: the attribute "${name}" is not supported`);
  }
  return values;
}

function valueType(node: Node): "float" | "tensor" {
  return node.operator === "Pad" ? "float" : "tensor";
}

function isKnown(name: string): name is keyof Types {
  return Object.hasOwn(attributeTypes, name);
}
