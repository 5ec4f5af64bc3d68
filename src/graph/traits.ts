// What operators have in common, by name. What else must be told of some of them starts from these sets and says how it
// deviates: `new Set([...reshaping, "Transpose"])`.

/** Hand on what they read, in inference. */
export const passing: ReadonlySet<string> = new Set(["Dropout", "Identity"]);

/** Hand on the elements that they read, in their order, in another shape. */
export const reshaping: ReadonlySet<string> = new Set([
  ...["Flatten", "Reshape", "Squeeze", "Unsqueeze"],
]);

/** Hand on the elements that they read, or some of them, in another order or in parts; none twice. */
export const moving: ReadonlySet<string> = new Set([
  ...["DepthToSpace", "Slice", "SpaceToDepth", "Split", "Transpose"],
]);

/** Averages and maxima of windows or of whole maps, each channel by itself. */
export const pooling: ReadonlySet<string> = new Set([
  ...["AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool"],
]);

/** Nonlinear functions of each number by itself, but for those that a positive factor goes through, such as ReLU. */
export const activations: ReadonlySet<string> = new Set([
  ...["Clip", "Elu", "Erf", "Gelu", "HardSigmoid", "HardSwish", "Mish", "Selu", "Sigmoid"],
  ...["Softplus", "Tanh"],
]);

/** Convolutions and linear layers. */
export const layers: ReadonlySet<string> = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);
