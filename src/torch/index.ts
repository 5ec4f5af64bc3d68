// The typed API over libtorch: tensors, their lifetimes, gradients, operators, optimizers.
export { backward, clearGradients, grad, inferenceMode, noGrad, parameter } from "./autograd.ts";
export { type BatchNormState, trainingBatchNorm } from "./batchNorm.ts";
export { arange, fromBytes, full, ones, randn, tensor, zeros } from "./create.ts";
export { TorchError } from "./dispatch.ts";
export {
  addonVersion,
  blasKernels,
  cudaDevices,
  hasMatrixUnits,
  libtorchVersion,
  lockFile,
  manualSeed,
  parseDevice,
  setThreads,
  threads,
} from "./environment.ts";
export { Muon } from "./muon.ts";
export { type Argument, operator, type Result } from "./operator.ts";
export * from "./ops.ts";
export { AdamW, type Optimizer, type ParameterGroup, SGD } from "./optimizers.ts";
export { cpuHasBfloat16, cpuVectorBits } from "./processor.ts";
export { keep, scope } from "./scope.ts";
export { liveTensors, Tensor, type TypedArray, UseAfterDisposeError } from "./tensor.ts";
export { type Device, type DType, dtypeCode, type MemoryFormat } from "./types.ts";
export {
  agree,
  announceFailure,
  askWorkers,
  broadcastFromFirst,
  canHaveWorkers,
  connectWorkers,
  joinWorkers,
  leaveWorkers,
  type Meeting,
  meanOverWorkers,
  type Share,
  SharedGradients,
  tellWorkers,
  workerFailure,
  workers,
} from "./workers.ts";
