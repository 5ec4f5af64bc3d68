// The typed API over libtorch: tensors, their lifetimes, gradients, operators, optimizers.
export { backward, clearGradients, grad, inferenceMode, noGrad, parameter } from "./autograd.ts";
export { trainingBatchNorm } from "./batchNorm.ts";
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
export { operator } from "./operator.ts";
export * from "./ops.ts";
export { AdamW, type Optimizer, SGD } from "./optimizers.ts";
export { cpuHasBfloat16, cpuVectorBits } from "./processor.ts";
export { keep, scope } from "./scope.ts";
export { liveTensors, Tensor, UseAfterDisposeError } from "./tensor.ts";
export { type Device, type DType, dtypeCode } from "./types.ts";
export {
  agree,
  announceFailure,
  askWorkers,
  broadcastFromFirst,
  canHaveWorkers,
  connectWorkers,
  endSignsOfLife,
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
