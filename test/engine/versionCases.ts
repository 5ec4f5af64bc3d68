// Operators whose meaning changed, in every version, with the opsets from which versions.test.ts takes
// them. https://onnx.ai/onnx/operators/ lists the versions.
import type { DataType, TensorData } from "../../src/graph/graph.ts";
import { fromNumbers } from "../../src/graph/tensorData.ts";
import { float32, int64, type node } from "../graph/graphs.ts";
import { randomInput } from "../graph/onnxruntime.ts";

/** One call of an operator. */
export interface Case {
  /** Shape of a random input, or its values. */
  readonly x: readonly number[] | TensorData;
  readonly attributes?: Parameters<typeof node>[3];
  /** Further inputs; undefined is one that is omitted. */
  readonly others?: readonly (TensorData | undefined)[];
  /** Number of outputs that are compared; 1 by default. */
  readonly outputs?: number;
}

const random = (shape: readonly number[], name = "w") =>
  float32(shape, [...randomInput(name, shape).values]);
const positive = (shape: readonly number[]) =>
  float32(
    shape,
    [...randomInput("p", shape).values].map((value) => 0.5 + Math.abs(value)),
  );
const numbersOfShape = (dtype: DataType, shape: readonly number[], ...values: number[]) =>
  fromNumbers(dtype, shape, values);
const numbers = (dtype: DataType, ...values: number[]) =>
  numbersOfShape(dtype, [values.length], ...values);
const scalar = (value: number) => float32([], [value]);

/** One call in one version. */
export const versionCases: (readonly [operator: string, opset: number, what: string, Case])[] = [];

/** Adds a case in each of the versions. */
function add(operator: string, versions: readonly number[], cases: Record<string, Case>): void {
  for (const [what, given] of Object.entries(cases)) {
    for (const opset of versions) versionCases.push([operator, opset, what, given]);
  }
}

for (const operator of ["Softmax", "LogSoftmax", "Hardmax"]) {
  const axis = (value: number) => ({ x: [2, 3, 4], attributes: { axis: value } });
  add(operator, [7, 9, 11, 12, 13], {
    "by default": { x: [2, 3, 4] },
    "of a matrix": { x: [3, 5] },
    "axis 0": axis(0),
    "axis 1": axis(1),
    "axis 2": axis(2),
    "axis -1": axis(-1),
    "axis -2": axis(-2),
    "axis -3": axis(-3),
  });
}

add("Flatten", [7, 9, 11, 13], {
  "axis 0": { x: [2, 3, 4], attributes: { axis: 0 } },
  "axis 3": { x: [2, 3, 4], attributes: { axis: 3 } },
});
add("Flatten", [11, 13], { "axis -1": { x: [2, 3, 4], attributes: { axis: -1 } } });
add("Concat", [7, 11, 13], {
  "axis 1": { x: [2, 3], attributes: { axis: 1 }, others: [random([2, 1])] },
});
add("Concat", [11, 13], {
  "axis -2": { x: [2, 3], attributes: { axis: -2 }, others: [random([1, 3])] },
});
add("Reshape", [7, 13], { "0 and -1": { x: [2, 3, 4], others: [int64(0, -1)] } });
add("Reshape", [14, 19], {
  "0 and -1": { x: [2, 3, 4], others: [int64(0, -1)] },
  "allowzero without 0": { x: [2, 3, 4], attributes: { allowzero: 1 }, others: [int64(4, -1)] },
});

add("Squeeze", [7, 11], {
  all: { x: [1, 3, 1] },
  axes: { x: [1, 3, 1], attributes: { axes: [2] } },
});
add("Squeeze", [11], { "axis -1": { x: [1, 3, 1], attributes: { axes: [-1] } } });
add("Squeeze", [13, 21], { all: { x: [1, 3, 1] }, axes: { x: [1, 3, 1], others: [int64(-1, 0)] } });
add("Unsqueeze", [7, 11], { axes: { x: [3, 4], attributes: { axes: [0, 3] } } });
add("Unsqueeze", [13, 21], { axes: { x: [3, 4], others: [int64(-1, 0)] } });

add("Dropout", [7, 10], { inference: { x: [3, 4], attributes: { ratio: 0.9 } } });
add("Dropout", [12, 13, 22], {
  inference: { x: [3, 4], others: [scalar(0.9)] },
  "said to be inference": { x: [3, 4], others: [scalar(0.9), numbersOfShape("bool", [], 0)] },
});

const statistics = [random([3], "s"), random([3], "b"), random([3], "m"), positive([3])];
add("BatchNormalization", [7, 9, 14, 15], {
  images: { x: [2, 3, 2, 2], others: statistics, attributes: { epsilon: 0.01, momentum: 0.5 } },
  rows: { x: [4, 3], others: statistics },
});
add("BatchNormalization", [7, 8], {
  "spatial 1": { x: [2, 3, 2, 2], others: statistics, attributes: { spatial: 1 } },
});
add("BatchNormalization", [14, 15], {
  training: { x: [4, 3, 2, 2], others: statistics, attributes: { training_mode: 1 }, outputs: 3 },
});
add("GroupNormalization", [18], {
  "one scale a group": {
    x: [2, 4, 3, 3],
    others: [random([2]), random([2], "b")],
    attributes: { num_groups: 2 },
  },
});
add("GroupNormalization", [21], {
  "one scale a channel": {
    x: [2, 4, 3, 3],
    others: [random([4]), random([4], "b")],
    attributes: { num_groups: 2 },
  },
});
add("InstanceNormalization", [7, 22], { images: { x: [2, 3, 4], others: statistics.slice(0, 2) } });
add("LpNormalization", [7, 22], {
  "p 1": { x: [2, 3], attributes: { p: 1, axis: 0 } },
  "p 2": { x: [2, 3] },
});
add("LRN", [7, 13], { channels: { x: [1, 5, 2, 2], attributes: { size: 3, alpha: 0.5 } } });

add("Clip", [7, 10], {
  both: { x: [3, 4], attributes: { min: -0.5, max: 0.5 } },
  none: { x: [3, 4] },
});
add("Clip", [11, 12, 13], {
  both: { x: [3, 4], others: [scalar(-0.5), scalar(0.5)] },
  most: { x: [3, 4], others: [undefined, scalar(0.5)] },
});
add("Clip", [12, 13], {
  integers: { x: numbers("int32", -5, 2, 7), others: [numbersOfShape("int32", [], 0)] },
});

add("Pad", [7, 10], {
  constant: { x: [2, 3], attributes: { pads: [1, 0, 0, 2], value: 1.5 } },
  reflect: { x: [2, 4], attributes: { pads: [0, 2, 0, 1], mode: "reflect" } },
  edge: { x: [2, 3], attributes: { pads: [0, 1, 1, 2], mode: "edge" } },
  cropping: { x: [2, 4], attributes: { pads: [0, -1, 1, 0] } },
});
add("Pad", [11, 13, 18, 21], {
  constant: { x: [2, 3], others: [int64(1, 0, 0, 2), scalar(1.5)] },
  zeros: { x: [2, 3], others: [int64(1, 0, 0, 2)] },
  reflect: { x: [2, 4], others: [int64(0, 2, 0, 1)], attributes: { mode: "reflect" } },
});
add("Pad", [18, 19, 21], {
  "of axes": { x: [2, 3], others: [int64(2, 1), undefined, int64(-1)] },
});
add("Pad", [19, 21], {
  wrap: { x: [2, 4], others: [int64(0, 2, 0, 1)], attributes: { mode: "wrap" } },
});

add("Slice", [7], {
  axes: { x: [5, 6], attributes: { starts: [1], ends: [-1], axes: [1] } },
  "all axes": { x: [5, 6], attributes: { starts: [1, -3], ends: [100, -1] } },
});
add("Slice", [10, 11, 13], {
  "of axes": { x: [5, 6], others: [int64(1), int64(-1), int64(1)] },
  steps: { x: [5, 6], others: [int64(0, 5), int64(5, 0), int64(0, 1), int64(2, -2)] },
  "all axes": { x: [5, 6], others: [int64(1, -3), int64(100, -1)] },
});
add("Slice", [11, 13], { "axis -1": { x: [5, 6], others: [int64(1), int64(4), int64(-1)] } });
add("Split", [7, 11], {
  sizes: { x: [2, 6], attributes: { axis: 1, split: [1, 5] }, outputs: 2 },
  evenly: { x: [2, 6], attributes: { axis: 1 }, outputs: 3 },
});
add("Split", [13], { evenly: { x: [2, 6], attributes: { axis: -1 }, outputs: 3 } });
add("Split", [13, 18], {
  sizes: { x: [2, 6], attributes: { axis: 1 }, others: [int64(1, 5)], outputs: 2 },
});
add("Split", [18], {
  unevenly: { x: [2, 7], attributes: { axis: 1, num_outputs: 3 }, outputs: 3 },
});
add("Gather", [7, 11, 13], {
  "axis 1": { x: [3, 4], attributes: { axis: 1 }, others: [int64(2, 0)] },
});
add("Gather", [11, 13], {
  "from behind": { x: [3, 4], attributes: { axis: -1 }, others: [int64(-1, 0)] },
});
add("TopK", [7], { k: { x: [3, 5], attributes: { k: 2 }, outputs: 2 } });
add("TopK", [10, 11, 24], {
  k: { x: [3, 5], attributes: { axis: 0 }, others: [int64(2)], outputs: 2 },
});
add("TopK", [11, 24], {
  least: { x: [3, 5], attributes: { largest: 0, axis: -1 }, others: [int64(2)], outputs: 2 },
});
add("ArgMax", [7, 11, 13], { "axis 1": { x: [3, 5], attributes: { axis: 1 } } });
add("ArgMax", [12, 13], {
  last: {
    x: numbersOfShape("float32", [2, 3], 1, 3, 3, 2, 2, 0),
    attributes: { axis: -1, keepdims: 0, select_last_index: 1 },
  },
});
add("OneHot", [9, 11], {
  "axis 1": {
    x: numbers("int64", 2, 0),
    others: [numbersOfShape("int64", [], 3), float32([2], [-1, 4])],
    attributes: { axis: 1 },
  },
});
add("CumSum", [11, 14], {
  reversed: { x: [3, 4], others: [numbersOfShape("int64", [], 1)], attributes: { reverse: 1 } },
});

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
for (const name of reductions) {
  const operator = `Reduce${name}`;
  const x = name === "LogSum" ? positive([2, 3, 4]) : [2, 3, 4];
  const asInput = name === "Sum" ? [13, 18] : [18, 20];
  add(operator, name === "Sum" ? [7, 11] : [7, 11, 13], {
    axes: { x, attributes: { axes: [0, 2], keepdims: 0 } },
    all: { x },
  });
  add(operator, name === "Sum" ? [11] : [11, 13], { "axis -1": { x, attributes: { axes: [-1] } } });
  add(operator, asInput, {
    axes: { x, attributes: { keepdims: 0 }, others: [int64(-1, 0)] },
    all: { x },
    "none on request": { x, attributes: { noop_with_empty_axes: 1 } },
    "no axes, not on request": { x, others: [int64()] },
  });
}

// As tf2onnx writes what TensorFlow's half-pixel centres ask of the nearest pixel.
add("Resize", [11, 12], {
  "nearest, tf_half_pixel_for_nn": {
    x: [1, 2, 5, 4],
    attributes: {
      mode: "nearest",
      coordinate_transformation_mode: "tf_half_pixel_for_nn",
      nearest_mode: "floor",
    },
    others: [float32([0]), float32([4], [1, 1, 0.6, 1.75])],
  },
});
for (const mode of ["nearest", "linear"]) {
  const scales = [1, 1, 2, 1.5];
  add("Upsample", [7], { [mode]: { x: [1, 2, 3, 4], attributes: { mode, scales } } });
  add("Upsample", [9], {
    [mode]: { x: [1, 2, 3, 4], attributes: { mode }, others: [float32([4], scales)] },
  });
  add("Resize", [10], {
    [mode]: { x: [1, 2, 3, 4], attributes: { mode }, others: [float32([4], scales)] },
    [`${mode}, smaller`]: {
      x: [1, 2, 6, 4],
      attributes: { mode },
      others: [float32([4], [1, 1, 0.5, 0.7])],
    },
  });
  for (const coordinate_transformation_mode of [
    "half_pixel",
    "asymmetric",
    "align_corners",
    "pytorch_half_pixel",
  ]) {
    const attributes = { mode, coordinate_transformation_mode };
    const what = `${mode}, ${coordinate_transformation_mode}`;
    const region = float32([0]);
    add("Resize", [11, 13, 18, 19], {
      [`${what}, scales`]: { x: [1, 2, 3, 4], attributes, others: [region, float32([4], scales)] },
      [`${what}, sizes`]: {
        x: [1, 2, 3, 4],
        attributes,
        others: [region, region, int64(1, 2, 5, 3)],
      },
    });
    add("Resize", [18, 19], {
      [`${what}, axes`]: {
        x: [1, 2, 3, 4],
        attributes: { ...attributes, axes: [2, 3], keep_aspect_ratio_policy: "not_larger" },
        others: [undefined, undefined, int64(6, 6)],
      },
      [`${what}, axes, not smaller`]: {
        x: [1, 2, 3, 4],
        attributes: { ...attributes, axes: [2, 3], keep_aspect_ratio_policy: "not_smaller" },
        others: [undefined, undefined, int64(6, 6)],
      },
    });
  }
}

add("Resize", [18, 19], {
  "axes from behind, the last first": {
    x: [1, 2, 3, 4],
    attributes: { mode: "linear", axes: [-1, -2] },
    others: [undefined, undefined, int64(7, 5)],
  },
  "axes from behind, the last first, scales": {
    x: [1, 2, 3, 4],
    attributes: { mode: "nearest", axes: [-1, -2] },
    others: [undefined, float32([2], [1.5, 2])],
  },
});

add("Gemm", [7, 9, 11, 13], {
  vector: {
    x: [3, 4],
    others: [random([4, 5]), random([5], "c")],
    attributes: { alpha: 0.5, beta: 1.5 },
  },
  column: {
    x: [4, 3],
    others: [random([5, 4]), random([3, 1], "c")],
    attributes: { transA: 1, transB: 1 },
  },
  number: { x: [3, 4], others: [random([4, 5]), scalar(2)] },
});
add("Gemm", [11, 13], { "no C": { x: [3, 4], others: [random([4, 5])] } });
for (const operator of ["Add", "Sub", "Mul", "Div"]) {
  add(operator, [7, 13, 14], {
    both: { x: [2, 1, 4], others: [random([3, 1])] },
    longer: { x: [4], others: [random([2, 1, 1])] },
  });
}
for (const operator of ["Min", "Max", "Sum", "Mean"]) {
  add(operator, [8, 13], {
    broadcast: { x: [2, 1, 4], others: [random([3, 1]), random([4], "c")] },
  });
}
add("Div", [7, 13, 14], {
  integers: { x: numbers("int32", 7, -7, 6), others: [numbers("int32", 2, 2, -4)] },
});
add("Mod", [10, 13], {
  integers: { x: numbers("int64", 7, -7, 7, -7), others: [numbers("int64", 3, 3, -3, -3)] },
  "as in C": {
    x: numbers("int64", 7, -7, 7),
    others: [numbers("int64", 3, 3, -3)],
    attributes: { fmod: 1 },
  },
});
add("Pow", [7, 12, 13, 15], { numbers: { x: positive([2, 3]), others: [random([3])] } });
add("Pow", [12, 13, 15], {
  "integer exponents": { x: [2, 3], others: [numbers("int64", 0, 2, 3)] },
});
add("PRelu", [7, 9, 16], { channels: { x: [2, 3, 2], others: [random([3, 1])] } });
add("Cast", [7, 9, 13, 19, 21], {
  "to int32": { x: numbers("float32", -1.9, 1.9, 2.5), attributes: { to: 6 } },
  "to bool": { x: numbers("float32", 0, 0.5, -2), attributes: { to: 9 } },
  "to float16 and its rounding": {
    x: numbers("float32", 1.0001, 65519, 1e-8),
    attributes: { to: 10 },
  },
  "from int64": { x: numbers("int64", -3, 4), attributes: { to: 1 } },
});
add("Shape", [7, 13], { all: { x: [2, 3, 4] } });
add("Shape", [15, 19], {
  all: { x: [2, 3, 4] },
  part: { x: [2, 3, 4], attributes: { start: -2, end: 2 } },
});
add("Not", [7], { "truth values": { x: numbers("bool", 1, 0) } });
add("Equal", [7, 11, 13], {
  integers: { x: numbers("int32", 1, 2), others: [numbers("int32", 1, 3)] },
});
add("IsInf", [10, 20], {
  both: { x: numbers("float32", 1, Number.NEGATIVE_INFINITY), attributes: { detect_positive: 0 } },
});
for (const reduction of ["none", "add", "mul", "max", "min"]) {
  const since = { none: 16, add: 16, mul: 16, max: 18, min: 18 }[reduction]!;
  add("ScatterElements", since === 16 ? [16, 18] : [18], {
    [reduction]: {
      x: [3, 3],
      others: [numbersOfShape("int64", [1, 3], 2, 0, -1), random([1, 3])],
      attributes: { axis: 1, reduction },
    },
  });
}
add("ScatterElements", [11, 13], {
  "axis -1": {
    x: [3, 3],
    others: [numbersOfShape("int64", [1, 2], 2, 0), random([1, 2])],
    attributes: { axis: -1 },
  },
});
for (const [opset, modes] of [
  [16, ["bilinear", "nearest", "bicubic"]],
  [20, ["linear", "nearest", "cubic"]],
  [22, ["linear", "nearest", "cubic"]],
] as const) {
  for (const mode of modes) {
    add("GridSample", [opset], {
      [mode]: { x: [1, 2, 4, 5], others: [random([1, 3, 3, 2], "g")], attributes: { mode } },
    });
  }
}
add("DepthToSpace", [7], { blocks: { x: [1, 8, 2, 3], attributes: { blocksize: 2 } } });
add("DepthToSpace", [11, 13], {
  DCR: { x: [1, 8, 2, 3], attributes: { blocksize: 2 } },
  CRD: { x: [1, 8, 2, 3], attributes: { blocksize: 2, mode: "CRD" } },
});

for (const operator of ["AveragePool", "MaxPool", "LpPool"]) {
  const window = { kernel_shape: [3, 3], strides: [2, 2] };
  const x = [1, 2, 6, 7];
  add(operator, operator === "LpPool" ? [7, 11, 18, 22] : [7, 8, 10, 11, 12, 19, 22], {
    padded: { x, attributes: { ...window, pads: [1, 1, 1, 1] } },
    unevenly: { x, attributes: { ...window, pads: [0, 1, 1, 0] } },
    same: { x, attributes: { ...window, auto_pad: "SAME_UPPER" } },
    "same, lower": { x, attributes: { ...window, auto_pad: "SAME_LOWER" } },
    "a line": { x: [1, 2, 9], attributes: { kernel_shape: [4] } },
  });
  const rounding = { ...window, ceil_mode: 1 };
  add(operator, operator === "LpPool" ? [18, 22] : [10, 11, 12, 19, 22], {
    "rounded up": { x, attributes: { ...rounding, pads: [1, 1, 1, 1] } },
    "rounded up, stride above kernel": {
      x,
      attributes: { kernel_shape: [2, 2], strides: [3, 3], pads: [1, 1, 1, 1], ceil_mode: 1 },
    },
  });
  const dilated = {
    x,
    attributes: { kernel_shape: [2, 3], dilations: [2, 1], pads: [1, 1, 1, 1] },
  };
  add(operator, { AveragePool: [19, 22], MaxPool: [10, 11, 12, 22], LpPool: [18, 22] }[operator]!, {
    dilated,
  });
  if (operator !== "AveragePool") continue;
  const counting = { ...window, pads: [1, 1, 1, 1], count_include_pad: 1 };
  add(operator, [7, 10, 11, 19, 22], { "padding counted": { x, attributes: counting } });
  add(operator, [10, 11, 19, 22], {
    "padding counted, rounded up": { x, attributes: { ...counting, ceil_mode: 1 } },
  });
}
add("MaxPool", [8, 10, 11, 12, 22], {
  "positions, padded unevenly": {
    x: [2, 2, 5, 4],
    attributes: { kernel_shape: [2, 2], strides: [2, 2], pads: [1, 1, 0, 0] },
    outputs: 2,
  },
  positions: {
    x: [1, 2, 5, 5],
    attributes: { kernel_shape: [2, 2], storage_order: 1 },
    outputs: 2,
  },
});
for (const auto_pad of ["SAME_UPPER", "SAME_LOWER"]) {
  const attributes = { auto_pad, strides: [2, 2] };
  add("Conv", [7, 11, 22], {
    [auto_pad]: { x: [1, 2, 5, 6], others: [random([3, 2, 3, 3])], attributes },
  });
  add("ConvTranspose", [7, 11, 22], {
    [auto_pad]: { x: [1, 2, 4, 3], others: [random([2, 3, 4, 3])], attributes },
  });
}
add("ConvTranspose", [7, 11, 22], {
  "a shape asked for": {
    x: [1, 2, 4, 3],
    others: [random([2, 3, 3, 3])],
    attributes: { output_shape: [9, 6], strides: [2, 2] },
  },
});
