// The inputs of every operator that the engine knows, after the opset it came with. "?" may be omitted,
// "*" stands for any number, and "#" is wanted as host values: shape arithmetic stays on the host.
// https://onnx.ai/onnx/operators/

import type { Node } from "../graph/graph.ts";

type Row = readonly [since: number, inputs: string];

const rows = {
  Abs: [1, "X"],
  Acos: [7, "X"],
  Acosh: [9, "X"],
  Add: [1, "A B"],
  AffineGrid: [20, "theta size#"],
  And: [1, "A B"],
  ArgMax: [1, "data"],
  ArgMin: [1, "data"],
  Asin: [7, "X"],
  Asinh: [9, "X"],
  Atan: [7, "X"],
  Atanh: [9, "X"],
  Attention: [23, "Q K V mask?"],
  AveragePool: [1, "X"],
  BatchNormalization: [1, "X scale B mean var"],
  BitwiseAnd: [18, "A B"],
  BitwiseNot: [18, "X"],
  BitwiseOr: [18, "A B"],
  BitwiseXor: [18, "A B"],
  Cast: [1, "X"],
  CastLike: [15, "X like"],
  Ceil: [1, "X"],
  Celu: [12, "X"],
  Clip: [1, "X min#? max#?"],
  Compress: [9, "X condition#"],
  Concat: [1, "inputs*"],
  ConstantOfShape: [9, "shape#"],
  Conv: [1, "X W B?"],
  ConvTranspose: [1, "X W B?"],
  Cos: [7, "X"],
  Cosh: [9, "X"],
  CumSum: [11, "X axis#"],
  DepthToSpace: [1, "X"],
  DequantizeLinear: [10, "X scale zero?"],
  Det: [11, "X"],
  Div: [1, "A B"],
  Dropout: [1, "X ratio#? training#?"],
  Einsum: [12, "inputs*"],
  Elu: [1, "X"],
  Equal: [1, "A B"],
  Erf: [9, "X"],
  Exp: [1, "X"],
  Expand: [8, "X shape#"],
  EyeLike: [9, "X"],
  Flatten: [1, "X"],
  Floor: [1, "X"],
  Gather: [1, "data indices"],
  GatherElements: [11, "data indices"],
  GatherND: [11, "data indices"],
  Gelu: [20, "X"],
  Gemm: [1, "A B C?"],
  GlobalAveragePool: [1, "X"],
  GlobalLpPool: [1, "X"],
  GlobalMaxPool: [1, "X"],
  Greater: [1, "A B"],
  GreaterOrEqual: [12, "A B"],
  GridSample: [16, "X grid"],
  GroupNormalization: [18, "X scale bias"],
  HardSigmoid: [1, "X"],
  HardSwish: [14, "X"],
  Hardmax: [1, "X"],
  Identity: [1, "X"],
  InstanceNormalization: [1, "X scale B"],
  IsInf: [10, "X"],
  IsNaN: [9, "X"],
  LRN: [1, "X"],
  LayerNormalization: [17, "X scale B?"],
  LeakyRelu: [1, "X"],
  Less: [1, "A B"],
  LessOrEqual: [12, "A B"],
  Log: [1, "X"],
  LogSoftmax: [1, "X"],
  LpNormalization: [1, "X"],
  LpPool: [1, "X"],
  MatMul: [1, "A B"],
  Max: [1, "inputs*"],
  MaxPool: [1, "X"],
  Mean: [1, "inputs*"],
  MeanVarianceNormalization: [9, "X"],
  Min: [1, "inputs*"],
  Mish: [18, "X"],
  Mod: [10, "A B"],
  Mul: [1, "A B"],
  Neg: [1, "X"],
  NonZero: [9, "X"],
  Not: [1, "X"],
  OneHot: [9, "indices depth# values"],
  Or: [1, "A B"],
  PRelu: [1, "X slope"],
  Pad: [1, "X pads#? value#? axes#?"],
  Pow: [1, "X Y"],
  QuantizeLinear: [10, "X scale zero?"],
  RMSNormalization: [23, "X scale"],
  Range: [11, "start limit delta"],
  Reciprocal: [1, "X"],
  ReduceL1: [1, "data axes#?"],
  ReduceL2: [1, "data axes#?"],
  ReduceLogSum: [1, "data axes#?"],
  ReduceLogSumExp: [1, "data axes#?"],
  ReduceMax: [1, "data axes#?"],
  ReduceMean: [1, "data axes#?"],
  ReduceMin: [1, "data axes#?"],
  ReduceProd: [1, "data axes#?"],
  ReduceSum: [1, "data axes#?"],
  ReduceSumSquare: [1, "data axes#?"],
  Relu: [1, "X"],
  Reshape: [5, "data shape#"],
  Resize: [10, "X roi#? scales#? sizes#?"],
  Round: [11, "X"],
  Scatter: [9, "data indices updates"],
  ScatterElements: [11, "data indices updates"],
  ScatterND: [11, "data indices updates"],
  Selu: [1, "X"],
  Shape: [1, "data"],
  Shrink: [9, "X"],
  Sigmoid: [1, "X"],
  Sign: [9, "X"],
  Sin: [7, "X"],
  Sinh: [9, "X"],
  Size: [1, "data"],
  Slice: [1, "data starts#? ends#? axes#? steps#?"],
  Softmax: [1, "X"],
  Softplus: [1, "X"],
  Softsign: [1, "X"],
  SpaceToDepth: [1, "X"],
  Split: [1, "X split#?"],
  Sqrt: [1, "X"],
  Squeeze: [1, "X axes#?"],
  Sub: [1, "A B"],
  Sum: [1, "inputs*"],
  Swish: [24, "X"],
  Tan: [7, "X"],
  Tanh: [1, "X"],
  ThresholdedRelu: [10, "X"],
  Tile: [6, "X repeats#"],
  TopK: [1, "X K#?"],
  Transpose: [1, "X"],
  Trilu: [14, "X k#?"],
  Unsqueeze: [1, "X axes#?"],
  Upsample: [7, "X scales#?"],
  Where: [9, "condition X Y"],
  Xor: [1, "A B"],
} as const satisfies Record<string, Row>;

export type OperatorName = keyof typeof rows;

/** What may stand at the inputs of an operator. */
export interface Signature {
  /** Standard operator set in which the operator first appeared. */
  readonly since: number;
  readonly required: number;
  /** Infinity for an operator that takes any number. */
  readonly allowed: number;
  /** Positions of the inputs that are wanted as host values. */
  readonly host: ReadonlySet<number>;
}

function parse([since, inputs]: Row): Signature {
  const words = inputs.split(" ");
  const optional = words.findIndex((word) => word.endsWith("?"));
  return {
    since,
    required: optional < 0 ? words.length : optional,
    allowed: inputs.endsWith("*") ? Number.POSITIVE_INFINITY : words.length,
    host: new Set(words.flatMap((word, position) => (word.includes("#") ? [position] : []))),
  };
}

/** The signature of a node's operator; undefined where the engine has none in a model of this opset. */
export function signatureOf(
  { domain, operator }: Pick<Node, "domain" | "operator">,
  opset: number,
): Signature | undefined {
  const signature = domain === "" ? signatures.get(operator) : undefined;
  return signature && signature.since <= opset ? signature : undefined;
}

/** Signatures by operator. */
export const signatures: ReadonlyMap<string, Signature> = new Map(
  Object.entries(rows).map(([name, row]) => [name, parse(row)]),
);
