// How operators compute on a tensor whose axes stand in another order than the graph says. A rule adds
// the node in that order and says how its result stands, or gives false where it cannot.
import { attribute, attributeOrInput, fromFront, int, ints } from "../attributes.ts";
import { elementCount, type Node, type TensorData } from "../graph.ts";
import { pick } from "../tensorData.ts";
import { activations, passing } from "../traits.ts";
import {
  compose,
  identity,
  inverse,
  isIdentity,
  layoutChange,
  movesNothing,
  permuteConstant,
  permutedPositions,
  restrict,
} from "./permutation.ts";
import type { LayoutRule, Sinking } from "./sinking.ts";

const transpose: LayoutRule = (node, state) => {
  const change = layoutChange(node);
  if (!change) return false;
  const { name, axes } = state.arrangement(node.inputs[0]!);
  const shape = state.facts.get(node.inputs[0]!)?.shape;
  if (!axes && shape && movesNothing(shape, change)) return reshape(node, state);
  state.stand(node.outputs[0]!, { name, axes: compose(axes ?? identity(4), change) });
  return true;
};

/** Operators of one tensor that treat every element alike; what else they read is a single number. */
const elementwise: LayoutRule = (node, state) => {
  const [x, ...others] = node.inputs as [string, ...string[]];
  const isSingle = (name: string) => name === "" || state.facts.get(name)?.shape.length === 0;
  if (!others.every(isSingle) || node.outputs.slice(1).some((name) => name !== "")) return false;
  const { name, ...how } = state.arrangement(x);
  state.emit({ ...node, inputs: [name, ...others] }, how);
  return true;
};

/** Operators of several tensors that broadcast. */
const broadcasting: LayoutRule = (node, state) => {
  const columns = node.inputs.map((name) => state.arrangement(name).columns).find(Boolean);
  return columns ? broadcastColumns(node, state, columns) : broadcastMaps(node, state);
};

function broadcastMaps(node: Node, state: Sinking): boolean {
  const [largest] = node.inputs
    .filter((name) => !state.edit.value(name))
    .toSorted((a, b) => size(state, b) - size(state, a));
  const { axes } = state.arrangement(largest!);
  const fits = node.inputs.every((name) => {
    const rank = state.facts.get(name)?.shape.length;
    return rank !== undefined && (state.edit.value(name) ? rank <= 4 : rank === 4);
  });
  if (!axes || !fits) return false;
  const inputs = node.inputs.map((name) => {
    const value = state.edit.value(name);
    if (!value) return state.arrange(name, axes);
    if (elementCount(value.shape) === 1) return name;
    return state.edit.constant(`${name}.arranged`, permuteConstant(value, inverse(axes)));
  });
  state.emit({ ...node, inputs }, { axes });
  return true;
}

function broadcastColumns(node: Node, state: Sinking, columns: readonly number[]): boolean {
  const fits = node.inputs.every((name) => {
    const value = state.edit.value(name);
    if (!value) return String(state.arrangement(name).columns) === String(columns);
    return value.shape.length <= 2 && [1, columns.length].includes(elementCount(value.shape));
  });
  if (!fits) return false;
  const from = inverse(columns);
  const inputs = node.inputs.map((name) => {
    const value = state.edit.value(name);
    if (!value || elementCount(value.shape) === 1) return state.arrangement(name).name;
    return state.edit.constant(`${name}.arranged`, pick(value, from, value.shape));
  });
  state.emit({ ...node, inputs }, { columns });
  return true;
}

const concat: LayoutRule = (node, state) => {
  const { axes } = state.arrangement(node.inputs[0]!);
  const axis = attribute(node, "axis", "int");
  if (!axes || axis === undefined) return false;
  if (node.inputs.some((name) => state.edit.value(name))) return false;
  const inputs = node.inputs.map((name) => state.arrange(name, axes));
  const attributes = { ...node.attributes, axis: int(axes[fromFront(axis, axes.length)]!) };
  state.emit({ ...node, inputs, attributes }, { axes });
  return true;
};

/** Softmax over an axis; before opset 13 it was over all axes from one on. */
const softmax: LayoutRule = (node, state) => {
  const { name, axes } = state.arrangement(node.inputs[0]!);
  if (!axes || state.edit.graph.opset < 13) return false;
  const axis = fromFront(attribute(node, "axis", "int") ?? -1, axes.length);
  const attributes = { ...node.attributes, axis: int(axes[axis]!) };
  state.emit({ ...node, inputs: [name], attributes }, { axes });
  return true;
};

const pad: LayoutRule = (node, state) => {
  const { name, axes } = state.arrangement(node.inputs[0]!);
  if (!axes || node.inputs[3]) return false;
  const pads = attributeOrInput(node, { name: "pads", type: "ints", input: 1 }, state.edit.graph);
  if (pads?.length !== 2 * axes.length) return false;
  const moved = [...pads];
  for (const [axis, from] of axes.entries()) {
    moved[from] = pads[axis]!;
    moved[from + axes.length] = pads[axis + axes.length]!;
  }
  const given = { state, name: "pads", input: 1, values: moved };
  state.emit(withIntegers({ ...node, inputs: node.inputs.with(0, name) }, given), { axes });
  return true;
};

const reduction: LayoutRule = (node, state) => {
  const { name, axes } = state.arrangement(node.inputs[0]!);
  const given = attributeOrInput(node, { name: "axes", type: "ints", input: 1 }, state.edit.graph);
  if (!axes || !given || given.length === 0) return false;
  const reduced = given.map((axis) => fromFront(axis, axes.length));
  const values = reduced.map((axis) => axes[axis]!).toSorted((a, b) => a - b);
  const left = identity(axes.length).filter((axis) => !reduced.includes(axis));
  const keeps = (attribute(node, "keepdims", "int") ?? 1) !== 0;
  const how = keeps ? axes : restrict(axes, left);
  if (!keeps && !isIdentity(how)) return false;
  const inputs = node.inputs.with(0, name);
  state.emit(withIntegers({ ...node, inputs }, { state, name: "axes", input: 1, values }), {
    axes: how,
  });
  return true;
};

const squeeze: LayoutRule = (node, state) => {
  const { name, axes } = state.arrangement(node.inputs[0]!);
  const given = attributeOrInput(node, { name: "axes", type: "ints", input: 1 }, state.edit.graph);
  if (!axes || !given) return false;
  const gone = given.map((axis) => fromFront(axis, axes.length));
  const left = identity(axes.length).filter((axis) => !gone.includes(axis));
  if (!isIdentity(restrict(axes, left))) return false;
  const values = gone.map((axis) => axes[axis]!).toSorted((a, b) => a - b);
  const inputs = node.inputs.with(0, name);
  state.emit(withIntegers({ ...node, inputs }, { state, name: "axes", input: 1, values }));
  return true;
};

/** Flattening a map gives a matrix with its columns in another order; other shapes must not mix axes. */
const reshape: LayoutRule = (node, state) => {
  const [x, y] = [node.inputs[0]!, node.outputs[0]!].map((each) => state.facts.get(each)?.shape);
  if (!x || !y || x[0] !== y[0]) return false;
  if (node.operator === "Reshape" && !state.edit.value(node.inputs[1]!)) return false;
  const { name, axes = identity(x.length), columns } = state.arrangement(node.inputs[0]!);
  const mixesNothing = movesNothing(
    inverse(axes).map((axis) => x[axis]!),
    axes,
  );
  if (axes[0] !== 0 || (columns ? String(x) !== String(y) : !mixesNothing && y.length !== 2)) {
    return false;
  }
  const shape = state.edit.integers(`${node.outputs[0]}.shape`, [0, ...y.slice(1)]);
  const reshaped = { ...node, operator: "Reshape", inputs: [name, shape], attributes: {} };
  state.emit(reshaped, mixesNothing ? { columns } : { columns: flattened(x, axes) });
  return true;
};

/** Columns of the matrix of a map of this shape, in that of the map whose axes stand otherwise. */
function flattened(shape: readonly number[], axes: readonly number[]): number[] {
  const standing = inverse(axes).map((axis) => shape[axis]!);
  const inner = axes.slice(1).map((axis) => axis - 1);
  return permutedPositions(standing.slice(1), inner);
}

/** A linear layer takes the order of columns into its weights. */
const linear: LayoutRule = (node, state) => {
  const { name, columns } = state.arrangement(node.inputs[0]!);
  const weight = state.edit.value(node.inputs[1]!);
  if (!columns || weight?.shape.length !== 2 || attribute(node, "transA", "int")) return false;
  if (node.inputs[2] && !state.edit.value(node.inputs[2])) return false;
  const axis = attribute(node, "transB", "int") ? 1 : 0;
  const arranged = reorder(weight, { axis, order: inverse(columns) });
  const inputs = [name, state.edit.constant(`${node.inputs[1]}.arranged`, arranged)];
  state.emit({ ...node, inputs: [...inputs, ...node.inputs.slice(2)] });
  return true;
};

function reorder(
  matrix: TensorData,
  { axis, order }: { axis: 0 | 1; order: readonly number[] },
): TensorData {
  const [rows, columns] = matrix.shape as [number, number];
  const positions = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      positions[row * columns + column] =
        axis === 0 ? order[row]! * columns + column : row * columns + order[column]!;
    }
  }
  return pick(matrix, positions, matrix.shape);
}

/** Integers where the node has them: as an attribute or an input. */
function withIntegers(
  node: Node,
  {
    state,
    name,
    input,
    values,
  }: { state: Sinking; name: string; input: number; values: readonly number[] },
): Node {
  if (!node.inputs[input]) {
    return { ...node, attributes: { ...node.attributes, [name]: ints(values) } };
  }
  const arranged = state.edit.integers(`${node.inputs[input]}.arranged`, values);
  return { ...node, inputs: node.inputs.with(input, arranged) };
}

function size(state: Sinking, name: string): number {
  return elementCount(state.facts.get(name)?.shape ?? []);
}

const ofOne = [
  ...[...passing, ...activations],
  ...["Abs", "Cast", "Exp", "Floor", "LeakyRelu", "Log", "Neg", "Reciprocal", "Relu", "Softsign"],
  ...["Sqrt", "ThresholdedRelu"],
];
const ofSeveral = ["Add", "Div", "Max", "Mean", "Min", "Mul", "PRelu", "Pow", "Sub", "Sum"];
const reductions = [
  "L1",
  "L2",
  "LogSum",
  "LogSumExp",
  "Max",
  "Mean",
  "Min",
  "Prod",
  "Sum",
  "SumSquare",
];

/** Rules by operator. A node of another operator gets its inputs as the graph says. */
export const layoutRules: ReadonlyMap<string, LayoutRule> = new Map([
  ...ofOne.map((name) => [name, elementwise] as const),
  ...ofSeveral.map((name) => [name, broadcasting] as const),
  ...reductions.map((name) => [`Reduce${name}`, reduction] as const),
  ...Object.entries({
    Transpose: transpose,
    Concat: concat,
    Softmax: softmax,
    LogSoftmax: softmax,
    Pad: pad,
    Squeeze: squeeze,
    Flatten: reshape,
    Reshape: reshape,
    Gemm: linear,
    MatMul: linear,
  }),
]);
