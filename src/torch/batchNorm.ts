// Batch normalization of a training step (Ioffe and Szegedy 2015, arXiv 1502.03167). Workers that train together take
// the statistics of all their images, so that they learn what one with all of them would.
import { noGrad } from "./autograd.ts";
import { operator } from "./operator.ts";
import {
  add,
  addScalar,
  div,
  mean,
  mul,
  mulScalar,
  relu,
  reshape,
  sqrt,
  square,
  sub,
} from "./ops.ts";
import type { Tensor } from "./tensor.ts";
import { meanOverWorkers, workers } from "./workers.ts";

const atenBatchNorm = operator<[Tensor, Tensor, Tensor]>("aten::native_batch_norm");
const fusedBatchNormRelu = operator("deepobf::batch_norm_relu");
const interpolate = operator("aten::lerp_.Scalar");

/** What batch normalization needs besides its input; vectors of C elements, float32. */
export interface BatchNormState {
  readonly weight: Tensor;
  readonly bias: Tensor;
  /** Updated in place while training: (1 - momentum) * running + momentum * batch. */
  readonly runningMean: Tensor;
  readonly runningVariance: Tensor;
  readonly momentum: number;
  readonly epsilon: number;
}

/** Batch normalization by the batch's own statistics (Ioffe and Szegedy 2015), then ReLU where asked. */
export function trainingBatchNorm(x: Tensor, state: BatchNormState, withRelu: boolean): Tensor {
  const { weight, bias, runningMean, runningVariance, momentum, epsilon } = state;
  if (
    x.device === "cpu" &&
    x.shape.length === 4 &&
    (x.dtype === "float32" || x.dtype === "bfloat16")
  ) {
    return fusedBatchNormRelu(
      x,
      weight,
      bias,
      runningMean,
      runningVariance,
      momentum,
      epsilon,
      withRelu,
    );
  }
  const y = workers().size > 1 ? batchNormTogether(x, state) : batchNormAlone(x, state);
  return withRelu ? relu(y) : y;
}

function batchNormAlone(x: Tensor, state: BatchNormState): Tensor {
  const { weight, bias, runningMean, runningVariance, momentum, epsilon } = state;
  return atenBatchNorm(x, weight, bias, runningMean, runningVariance, true, momentum, epsilon)[0];
}

/** By the statistics of all workers' images, through which gradients pass. */
function batchNormTogether(x: Tensor, state: BatchNormState): Tensor {
  const { weight, bias, runningMean, runningVariance, momentum, epsilon } = state;
  const others = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
  const alongChannels = (vector: Tensor) => reshape(vector, [-1, ...x.shape.slice(2).map(() => 1)]);
  const wide = x.to({ dtype: "float32" });
  const average = meanOverWorkers(mean(wide, others));
  const centred = sub(wide, alongChannels(average));
  const variance = meanOverWorkers(mean(square(centred), others));
  const n = (x.shape.reduce((a, b) => a * b, 1) / x.shape[1]!) * workers().size;
  noGrad(() => {
    interpolate(runningMean, average, momentum);
    interpolate(runningVariance, mulScalar(variance, n / Math.max(1, n - 1)), momentum);
  });
  const scale = div(weight, sqrt(addScalar(variance, epsilon)));
  const y = add(mul(centred, alongChannels(scale)), alongChannels(bias));
  return y.to({ dtype: x.dtype });
}
