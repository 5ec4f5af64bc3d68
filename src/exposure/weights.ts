// Which weights two files share: as they are, and up to the order of channels and positive scales of inputs and outputs.
import { sha256Of } from "../files.ts";
import { elementCount, type Graph, type TensorData } from "../graph/graph.ts";
import { isFloat, toFloat32 } from "../graph/tensorData.ts";

/** How many weights of the first file are in the second, too. */
export interface WeightComparison {
  readonly weights: number;
  readonly shared: number;
  /** Also where channels were permuted or brought to other scales; includes the others. */
  readonly sharedUpToScale: number;
}

/** Weights have two axes at least, more than one element on both, and are read by layers. */
const fewestElements = 16;
const mostSweeps = 500;
const largestChange = 1e-9;

/**
 * Below this relative distance two forms are the same. Rounding moves the elements of a form by 1e-6 of their size, while
 * the sorted elements of two random weights of a million elements are still 1e-3 apart.
 */
const tolerance = 1e-4;

/** Compares the weights of convolutions and linear layers. */
export function compareWeights(first: Graph, second: Graph): WeightComparison {
  const [own, others] = [weightsOf(first), weightsOf(second)];
  const exact = take(own, others, (a, b) => hashOf(a) === hashOf(b));
  const forms = (weights: readonly TensorData[]) => weights.map(canonicalForm);
  const alike = take(forms(own), forms(others), isSameForm);
  return { weights: own.length, shared: exact, sharedUpToScale: Math.max(exact, alike) };
}

function weightsOf({ nodes, initializers }: Graph): TensorData[] {
  const names = new Set(
    nodes.flatMap(({ operator, inputs }) =>
      /^(Conv|ConvTranspose|Gemm|MatMul)$/.test(operator) ? inputs.slice(0, 2) : [],
    ),
  );
  return [...names].flatMap((name) => {
    const tensor = initializers.get(name);
    const isWeight = tensor && tensor.shape.length >= 2 && isFloat(tensor.dtype);
    return isWeight && elementCount(tensor.shape) >= fewestElements ? [tensor] : [];
  });
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

function hashOf({ shape, dtype, data }: TensorData): string {
  return sha256Of(`${dtype}[${shape}]`, data);
}

/** What order and scale of channels do not change. */
interface Form {
  readonly shape: string;
  /** Sorted. */
  readonly elements: Float64Array;
}

/**
 * The elements once rows and columns have one norm each, sorted: positive factors that do so are unique (Sinkhorn 1967,
 * "Diagonal equivalence to matrices with prescribed row and column sums"). Alternately rows and columns are scaled.
 */
function canonicalForm(tensor: TensorData): Form {
  const [outputs, inputs, ...kernel] = tensor.shape as [number, number, ...number[]];
  const area = elementCount(kernel);
  const elements = Float64Array.from(toFloat32(tensor));
  const squares = new Float64Array(outputs * inputs);
  for (const [place, value] of elements.entries()) {
    squares[Math.floor(place / area)]! += value ** 2;
  }
  const rows = new Float64Array(outputs).fill(1);
  const columns = new Float64Array(inputs).fill(1);
  for (let sweep = 0; sweep < mostSweeps; sweep++) {
    const change = Math.max(
      balance(rows, (o) => sumOf(inputs, (i) => squares[o * inputs + i]! * columns[i]!) * outputs),
      balance(columns, (i) => sumOf(outputs, (o) => squares[o * inputs + i]! * rows[o]!) * inputs),
    );
    if (!(change >= largestChange)) break;
  }
  for (const [place, value] of elements.entries()) {
    const pair = Math.floor(place / area);
    elements[place] = value * Math.sqrt(rows[Math.floor(pair / inputs)]! * columns[pair % inputs]!);
  }
  // A linear layer may be stored either way round.
  const sizes = [outputs, inputs].sort((a, b) => a - b);
  return { shape: `${sizes} ${kernel}`, elements: elements.sort() };
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
  return difference <= tolerance ** 2 * size;
}
