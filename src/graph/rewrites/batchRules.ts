// What each operator does that may hold the batch size of a file in a constant, so that it follows its
// input instead. https://onnx.ai/onnx/operators/
import { largest } from "../../lists.ts";
import { attribute, int } from "../attributes.ts";
import type { Budget } from "../budget.ts";
import type { GraphEdit } from "../edit.ts";
import { elementCount, type Node, type TensorData } from "../graph.ts";
import { operation } from "../operation.ts";
import type { Facts } from "../shapes.ts";
import { toNumbers } from "../tensorData.ts";
import { growingAxis } from "./anyBatch.ts";
import { batchSizes } from "./batchSizes.ts";
import { takesAllInOrder } from "./orderlyGathers.ts";

/** A node downstream of the images, with what is known at the file's batch size and at the next. */
export interface Site {
  readonly node: Node;
  readonly batch: number;
  readonly fixed: Facts;
  readonly freed: Facts;
  /** The constant that an input has at both sizes. */
  readonly constant: (name: string | undefined) => TensorData | undefined;
  /** Whether the first axis of a tensor is the batch. */
  readonly isBatched: (name: string | undefined) => boolean;
  readonly budget: Budget;
  /** Gets the constants that new nodes read. */
  readonly edit: GraphEdit;
}

/** How many bytes are compared in a step of the budget. */
const bytesPerStep = 256;

/** The nodes that take the place of the site's. */
type Rule = (site: Site) => readonly Node[];

const elementwise: Rule = (site) => [shareRows(site)];

/** Rules by operator. */
export const batchRules: ReadonlyMap<string, Rule> = new Map(
  Object.entries<Rule>({
    Add: elementwise,
    Concat: repeatConstants,
    Div: elementwise,
    Expand: (site) => [keepSize(site)],
    Flatten: (site) => [flattenEach(site)],
    Gather: (site) => [reshapeOrderly(site)],
    // Its weights are no rows of images, however many there are.
    Gemm: (site) => [shareRows(site, { from: 2 })],
    Mul: elementwise,
    Reshape: (site) => [reshapeEach(site)],
    Resize: resizeEach,
    Slice: (site) => [sliceAll(site)],
    Sub: elementwise,
    Where: elementwise,
  }),
);

/** A node that reads the constant `sizes` in place of its input at `position`. */
function withSizes(site: Site, position: number, sizes: readonly number[]): Node {
  const { node, edit } = site;
  const name = edit.integers(`${node.outputs[0]}.sizes`, sizes);
  return { ...node, inputs: node.inputs.with(position, name) };
}

/**
 * 0 keeps the batch where it is first, but not under `allowzero`; elsewhere -1 follows it, on an axis behind as many
 * elements as before: on any other one the elements of several images would mix.
 */
function reshapeEach(site: Site): Node {
  const { node, batch, fixed, freed, constant, isBatched } = site;
  const [x = "", target] = node.inputs;
  const value = constant(target);
  const [before, after] = [fixed, freed].map((facts) => facts.get(x)?.shape);
  if (!value || !before || !after || elementCount(before) === elementCount(after)) return node;
  const sizes = toNumbers(value);
  if (isBatched(x) && sizes[0] === batch) {
    const { allowzero: _, ...attributes } = node.attributes;
    return { ...withSizes(site, 1, sizes.with(0, 0)), attributes };
  }
  if (sizes.some((size) => size <= 0)) return node;
  const ahead = elementCount(before.slice(0, growingAxis(before, after)));
  const place = sizes.findIndex(
    (size, axis) => size % batch === 0 && elementCount(sizes.slice(0, axis)) === ahead,
  );
  return place < 0 ? node : withSizes(site, 1, sizes.with(place, -1));
}

/** A size of 1 keeps that of the input. */
function keepSize(site: Site): Node {
  const { node, batch, fixed, constant, isBatched } = site;
  const [x = "", target] = node.inputs;
  const sizes = constant(target) && toNumbers(constant(target)!);
  const isWhole = sizes?.length === fixed.get(x)?.shape.length;
  if (!sizes || !isWhole || !isBatched(x) || sizes[0] !== batch) return node;
  return withSizes(site, 1, sizes.with(0, 1));
}

/** Of one image, all axes are those of each. */
function flattenEach({ node, batch, fixed, isBatched }: Site): Node {
  const [x = ""] = node.inputs;
  const axis = attribute(node, "axis", "int") ?? 1;
  const isFirst = axis === 0 || axis === -(fixed.get(x)?.shape.length ?? 0);
  if (batch !== 1 || !isFirst || !isBatched(x)) return node;
  return { ...node, attributes: { ...node.attributes, axis: int(1) } };
}

/** All elements of the batch in their order, which PyTorch's dynamo exporter makes of `as_strided`, are a reshape. */
function reshapeOrderly(site: Site): Node {
  const { node, batch, fixed, freed, constant, budget } = site;
  const [x = "", indices] = node.inputs;
  const value = constant(indices);
  const grows = fixed.get(x)?.shape[0] !== freed.get(x)?.shape[0];
  if (!value || !grows || value.shape[0] !== batch) return node;
  budget.spend(node, { steps: value.data.length / bytesPerStep });
  if (!takesAllInOrder(node, fixed)) return node;
  const sizes = [-1, ...value.shape.slice(1)];
  return { ...withSizes(site, 1, sizes), operator: "Reshape", attributes: {} };
}

/** The whole batch, where a slice ends with it. */
function sliceAll(site: Site): Node {
  const { node, batch, constant, isBatched } = site;
  const [x, starts, ends, axes] = node.inputs;
  const [first, last, along] = [starts, ends, axes].map((name) => {
    const value = constant(name);
    return value && toNumbers(value);
  });
  if (!first || !last || !isBatched(x) || (axes && !along)) return node;
  const place = along ? along.indexOf(0) : 0;
  if (place < 0 || first[place] !== 0 || last[place] !== batch) return node;
  return withSizes(site, 2, last.with(place, 2 ** 31 - 1));
}

function resizeEach(site: Site): readonly Node[] {
  const { node, batch, constant, isBatched, edit } = site;
  const [x = "", , , target] = node.inputs;
  const sizes = constant(target) && toNumbers(constant(target)!);
  const axes = attribute(node, "axes", "ints") ?? [0];
  if (!sizes || !isBatched(x) || axes[0] !== 0 || sizes[0] !== batch) return [node];
  const output = edit.name(`${node.outputs[0]}.sizes`);
  const nodes = batchSizes(x, { ...site, rest: sizes.slice(1), output });
  return [...nodes, { ...node, inputs: node.inputs.with(3, output) }];
}

/** Constants of the batch's size, all of whose rows are alike, are repeated for every image. */
function repeatConstants(site: Site): readonly Node[] {
  const { batch, fixed, isBatched, edit } = site;
  const node = shareRows(site);
  const axis = attribute(node, "axis", "int") ?? 1;
  const guide = node.inputs.find(isBatched);
  const rank = fixed.get(guide ?? "")?.shape.length ?? 0;
  if (guide === undefined || axis === 0 || axis === -rank) return [node];
  const added: Node[] = [];
  const inputs = node.inputs.map((name, index) => {
    const shape = edit.value(name)?.shape ?? fixed.get(name)?.shape;
    if (!shape || isBatched(name) || (shape[0] !== 1 && shape[0] !== batch)) return name;
    const part = edit.name(`${node.outputs[0]}.part${index}`);
    const output = edit.name(`${part}.sizes`);
    added.push(...batchSizes(guide, { ...site, rest: shape.slice(1), output }));
    added.push(operation("Expand", [name, output], part));
    return part;
  });
  return [...added, { ...node, inputs }];
}

/** Of constants with one row an image, all alike, one row; the inputs ahead of `from` are none. */
function shareRows(site: Site, { from = 0 } = {}): Node {
  const { node, batch, fixed, isBatched, edit, budget } = site;
  if (batch === 1 || !node.inputs.some(isBatched)) return node;
  const rank = largest(node.inputs.map((name) => fixed.get(name)?.shape.length ?? 0));
  const inputs = node.inputs.map((name, index) => {
    const value = edit.value(name);
    const isWhole = value?.shape.length === rank && value.shape[0] === batch;
    if (index < from || !value || !isWhole) return name;
    budget.spend(node, { steps: batch + value.data.length / bytesPerStep });
    const size = value.data.length / batch;
    const row = value.data.subarray(0, size);
    for (let i = 1; i < batch; i++) {
      if (Buffer.compare(row, value.data.subarray(i * size, (i + 1) * size)) !== 0) return name;
    }
    return edit.constant(`${name}.row`, { ...value, shape: value.shape.with(0, 1), data: row });
  });
  return { ...node, inputs };
}
