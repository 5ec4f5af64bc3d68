// Accuracy and speed of classifiers. The classifier on libtorch is in networkClassifier.ts: importing
// it loads the addon, which evaluating with ONNX Runtime does without.

export type { Classifier } from "./classifier.ts";
export {
  assertNoDoubt,
  assertNoDoubtOfTraining,
  fileWithNames,
  findDoubt,
} from "./doubt.ts";
export {
  answer,
  type Comparison,
  compare,
  type Evaluation,
  type EvaluationOptions,
  evaluate,
  type Latency,
  measureLatency,
} from "./evaluate.ts";
export { noteOnFew, notesOnFew } from "./few.ts";
export { OnnxClassifier } from "./onnxClassifier.ts";
export { type Judgement, judge } from "./plausibility.ts";
export type { Interval, PairedTest } from "./statistics.ts";
