// Constant nodes (https://onnx.ai/onnx/operators/onnx__Constant.html) as the tensors that they stand for.
import { ModelError } from "../errors.ts";
import { type Attribute, describeNode, type Node, type TensorData } from "../graph/graph.ts";
import { quote } from "./problems.ts";

// A function that is called often would otherwise multiply its constants.
const converted = new WeakMap<Attribute, TensorData>();

/**
 * The value of a Constant node.
 * @throws ModelError where it has none, several, or one that DeepObf does not support
 */
export function constantValue(node: Node): TensorData {
  const entries = Object.entries(node.attributes);
  const [entry] = entries;
  if (entries.length !== 1 || entry === undefined)
    throw new ModelError(
      `${describeNode(node)} must have one attribute that is its value; it has ${entries.length}`,
    );
  const [name, attribute] = entry;
  const value = converted.get(attribute) ?? convert(name, attribute);
  if (value === undefined)
    throw new ModelError(
      `${describeNode(node)} has its value as ${quote(name)} of type ${attribute.type}, which is not supported`,
    );
  converted.set(attribute, value);
  return value;
}

function convert(name: string, attribute: Attribute): TensorData | undefined {
  if (name === "value" && attribute.type === "tensor") return attribute.value;
  if (name === "value_float" && attribute.type === "float") return floats([attribute.value], []);
  if (name === "value_floats" && attribute.type === "floats")
    return floats(attribute.value, [attribute.value.length]);
  if (name === "value_int" && attribute.type === "int") return integers([attribute.value], []);
  if (name === "value_ints" && attribute.type === "ints")
    return integers(attribute.value, [attribute.value.length]);
  return undefined;
}

function floats(values: readonly number[], shape: readonly number[]): TensorData {
  const data = new Uint8Array(Float32Array.from(values).buffer);
  return { dtype: "float32", shape, data };
}

function integers(values: readonly number[], shape: readonly number[]): TensorData {
  const data = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { dtype: "int64", shape, data };
}
