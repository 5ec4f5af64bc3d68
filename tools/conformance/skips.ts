// Cases of ONNX's backend suite that do not run, by group and name, with the reason. The first match counts.

export const skips: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [
    /^pytorch-(operator|converted\/test_(?!MaxPool[12]d_stride_padding_dilation))/,
    "opset 6: DeepObf reads models from opset 7 on",
  ],
  [
    /^node\/test_(global(average|max)pool|not_|softplus|softsign|elu|hardsigmoid|instancenorm|reduce_log_sum$|selu)/,
    "opsets 1 and 6: DeepObf reads models from opset 7 on",
  ],
  [/STRING|strnorm|tfidf/, "strings are no tensors of a classifier"],
  [/sequence_(?!lens)|_sequence$|_seq$|optional|_opt$/, "sequences and optionals are no tensors"],
  [/test_(loop|scan|if$|range_.*_expanded)/, "control flow that depends on data"],
  [/test_(gru|lstm|rnn|simple_rnn|reversesequence)/, "recurrent operators"],
  [/test_(sce_|nllloss_.*(?<!_expanded)$)/, "training losses: DeepObf brings its own"],
  [
    /test_(adagrad|adam|momentum|nesterov_momentum|gradient)/,
    "operators of ai.onnx.preview.training",
  ],
  [
    /test_(bernoulli|training_dropout(|_mask|_default|_default_mask)$)/,
    "random numbers of another generator",
  ],
  [/test_(dft|stft|melweight|(blackman|hamming|hann)window(|_symmetric)$)/, "signal processing"],
  [/test_(nonmaxsuppression|roialign)/, "object detection"],
  [/test_(maxunpool|unique)/, "not used by classifiers"],
  [
    /test_(\w*convinteger|qlinear|matmulinteger|dynamicquantizelinear\w*?(?<!expanded)$)/,
    "integer arithmetic of quantized models",
  ],
  [/bitshift|UINT(16|32|64)|uint(16|32|64)/, "libtorch has no unsigned integers but uint8"],
  [/BFLOAT16/, "the suite holds its bfloat16 numbers as uint16"],
  [
    /resize_downsample_scales_(cubic|linear)_align_corners/,
    "ONNX Runtime and PyTorch align the corners of the rounded size, this case those of the exact one",
  ],
];
