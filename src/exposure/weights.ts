// Which weights two files share: as they are, and up to the order of channels, scales and signs of inputs and outputs.
import { attribute } from "../graph/attributes.ts";
import { elementCount, type Graph, type TensorData } from "../graph/graph.ts";
import { type Rounding, roundingOf } from "../graph/rounding.ts";
import { isFloat, toFloat32 } from "../graph/tensorData.ts";
import { layers } from "../graph/traits.ts";

/** How many weights of the first file are in the second, too, but for the rounding of either. */
export interface WeightComparison {
  readonly weights: number;
  readonly shared: number;
  /** Also where channels were permuted, brought to other scales or turned in sign; includes the others. */
  readonly sharedUpToScale: number;
}

/** Weights have two axes at least and so many elements, and are read by layers. */
const fewestElements = 16;
const mostSweeps = 500;
const largestChange = 1e-9;

/**
 * Below this relative distance two forms are the same: float32 moves the elements of a form by 1e-6 of their size, shorter
 * types by their own rounding. The sorted elements of two random weights are apart by the second number over the root
 * of theirs, and more.
 */
const [tolerance, apart] = [1e-4, 0.25];

/** A weight in float32. */
interface Weight {
  /** Without the sizes of 1 of a kernel: with nothing but these a convolution is a linear layer. */
  readonly shape: readonly number[];
  /** Groups of a convolution: as many parts of the rows, each with columns of its own. */
  readonly groups: number;
  readonly values: Float32Array;
  readonly rounding: Rounding;
}

/** Compares the weights of convolutions and linear layers. */
export function compareWeights(first: Graph, second: Graph): WeightComparison {
  const [own, others] = [weightsOf(first), weightsOf(second)];
  const exact = take(own, others, isSame);
  const forms = (weights: readonly Weight[]): Candidate[] =>
    weights.map((weight) => ({ weight, form: canonicalForm(weight) }));
  const alike = take(
    forms(own),
    forms(others),
    (a, b) => isSame(a.weight, b.weight) || (isTelling(a) && isSameForm(a.form, b.form)),
  );
  return { weights: own.length, shared: exact, sharedUpToScale: Math.max(exact, alike) };
}

function weightsOf({ nodes, initializers }: Graph): Weight[] {
  const groupsOf = new Map(
    nodes.flatMap((node) => {
      if (!layers.has(node.operator)) return [];
      const groups = attribute(node, "group", "int") ?? 1;
      return node.inputs.slice(0, 2).map((name) => [name, groups] as const);
    }),
  );
  return [...groupsOf].flatMap(([name, groups]) => {
    const tensor = initializers.get(name);
    const isWeight = tensor && tensor.shape.length >= 2 && isFloat(tensor.dtype);
    if (!isWeight || elementCount(tensor.shape) < fewestElements) return [];
    const isDivided = groups > 0 && tensor.shape[0]! % groups === 0;
    return isDivided ? [asWeight(tensor, groups)] : [];
  });
}

function asWeight(tensor: TensorData, groups: number): Weight {
  const values = toFloat32(tensor);
  const shape = tensor.shape.filter((size, axis) => axis < 2 || size !== 1);
  return { shape, groups, values, rounding: roundingOf(values) };
}

/** How many of the first have a partner of their own among the second. */
function take<T>(
  first: readonly T[],
  second: readonly T[],
  isAlike: (a: T, b: T) => boolean,
): number {
  const left = [...second];
  return first.filter((each) => {
    const place = left.findIndex((other) => isAlike(each, other));
    if (place >= 0) left.splice(place, 1);
    return place >= 0;
  }).length;
}

/** Whether both were rounded from the same. */
function isSame(first: Weight, second: Weight): boolean {
  const bound = ({ values, rounding: { relative, absolute } }: Weight, place: number) =>
    relative * Math.abs(values[place]!) + absolute;
  return (
    String(first.shape) === String(second.shape) &&
    first.values.every((value, place) => {
      const other = second.values[place]!;
      const distance = Math.abs(value - other);
      return Object.is(value, other) || distance <= bound(first, place) + bound(second, place);
    })
  );
}

/**
 * Whether it has more than scales and signs can change: those of a row alone bring it to any other, and elements of one
 * size, as binary networks have them, are alike in all weights.
 */
function isTelling({ weight: { shape, groups, values }, form: { elements } }: Candidate): boolean {
  const isOfOneSize = elements.at(-1)! - elements[0]! <= tolerance * elements.at(-1)!;
  return !isOfOneSize && values.length > shape[0]! + (shape[1]! - 1) * groups;
}

/** A weight, and what order, scale and sign of channels do not change of it. */
interface Candidate {
  readonly weight: Weight;
  readonly form: Form;
}

interface Form {
  readonly shape: string;
  /** Their sizes, sorted. */
  readonly elements: Float64Array;
  readonly rounding: Rounding;
}

/**
 * The sizes of the elements once rows and columns have one norm each, sorted: positive factors that do so are unique
 * (Sinkhorn 1967, "Diagonal equivalence to matrices with prescribed row and column sums"). Alternately rows and columns
 * are scaled. The rows of a group have columns of their own. Signs are left out: a batch norm's negative scale turns a
 * row where it is folded.
 */
function canonicalForm({ shape, groups, values, rounding }: Weight): Form {
  const [outputs, inputs, ...kernel] = shape as [number, number, ...number[]];
  const area = elementCount(kernel);
  const rowsOfGroup = outputs / groups;
  const columnOf = (o: number, i: number) => Math.floor(o / rowsOfGroup) * inputs + i;
  const elements = Float64Array.from(values);
  const squares = new Float64Array(outputs * inputs);
  for (const [place, value] of elements.entries()) {
    squares[Math.floor(place / area)]! += value ** 2;
  }
  const rows = new Float64Array(outputs).fill(1);
  const columns = new Float64Array(inputs * groups).fill(1);
  const sumOfRow = (o: number) =>
    sumOf(inputs, (i) => squares[o * inputs + i]! * columns[columnOf(o, i)]!);
  const sumOfColumn = (column: number) => {
    const first = Math.floor(column / inputs) * rowsOfGroup;
    const sum = (row: number) => squares[row * inputs + (column % inputs)]! * rows[row]!;
    return sumOf(rowsOfGroup, (o) => sum(first + o));
  };
  for (let sweep = 0; sweep < mostSweeps; sweep++) {
    const change = Math.max(
      balance(rows, (o) => sumOfRow(o) * rows.length),
      balance(columns, (column) => sumOfColumn(column) * columns.length),
    );
    if (!(change >= largestChange)) break;
  }
  for (const [place, value] of elements.entries()) {
    const pair = Math.floor(place / area);
    const [o, i] = [Math.floor(pair / inputs), pair % inputs];
    elements[place] = Math.abs(value) * Math.sqrt(rows[o]! * columns[columnOf(o, i)]!);
  }
  // A linear layer may be stored either way round.
  const sizes = [outputs, inputs].sort((a, b) => a - b);
  return { shape: `${sizes} ${kernel} ${groups}`, elements: elements.sort(), rounding };
}

/** Sets factors to one over the sums; gives the largest relative change. Channels of zeros keep their factor. */
function balance(factors: Float64Array, sum: (place: number) => number): number {
  let largest = 0;
  for (const [place, old] of factors.entries()) {
    const total = sum(place);
    if (!(total > 0)) continue;
    factors[place] = 1 / total;
    largest = Math.max(largest, Math.abs(factors[place]! / old - 1));
  }
  return largest;
}

function sumOf(count: number, term: (place: number) => number): number {
  let sum = 0;
  for (let place = 0; place < count; place++) sum += term(place);
  return sum;
}

function isSameForm(a: Form, b: Form): boolean {
  if (a.shape !== b.shape) return false;
  let [difference, size] = [0, 0];
  for (const [place, value] of a.elements.entries()) {
    difference += (value - b.elements[place]!) ** 2;
    size += value ** 2;
  }
  const rounded = a.rounding.relative + b.rounding.relative;
  const allowed = Math.max(tolerance, Math.min(rounded, apart / Math.sqrt(a.elements.length)));
  return difference <= allowed ** 2 * size;
}
