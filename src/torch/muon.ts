// Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/): momentum whose update of a
// weight matrix is replaced by the nearest semi-orthogonal matrix. Convolution weights
// [O, I, KH, KW] are matrices of O rows. Each weight is first scaled to the norm sqrt(O), as in
// cifar10-airbench: batch norm follows, so only its direction matters.
import { operator } from "./operator.ts";
import { add, addScalar, div, matmul, mulScalar, reshape, transpose } from "./ops.ts";
import { type Active, GroupOptimizer, type ParameterGroup } from "./optimizers.ts";
import type { Tensor } from "./tensor.ts";

const norm = operator("aten::norm.Scalar");
const divInPlace = operator("aten::div_.Tensor");
const mulInPlace = operator("aten::mul_.Scalar");
const addInPlace = operator("aten::add_.Tensor");
const addScalarInPlace = operator("aten::add_.Scalar");
const diagonal = operator("aten::diagonal");

export interface MuonOptions {
  readonly momentum?: number;
  /** Newton-Schulz steps of an update. */
  readonly iterations?: number;
}

/** Muon with Nesterov momentum, for weights that batch norm follows. */
export class Muon extends GroupOptimizer {
  readonly #momentum: number;
  readonly #iterations: number;

  constructor(groups: readonly ParameterGroup[], options: MuonOptions = {}) {
    super(groups, ["momentum"]);
    this.#momentum = options.momentum ?? 0.6;
    this.#iterations = options.iterations ?? 4;
  }

  protected override update(active: Active[], learningRate: number): void {
    const velocities = this.slot("momentum", active);
    for (const [i, { parameter, gradient }] of active.entries()) {
      const velocity = velocities[i] as Tensor;
      addInPlace(mulInPlace(velocity, this.#momentum), gradient);
      const direction = add(gradient, mulScalar(velocity, this.#momentum));
      const rows = parameter.shape[0] as number;
      mulInPlace(divInPlace(parameter, addScalar(norm(parameter), 1e-12)), Math.sqrt(rows));
      const update = orthogonalize(reshape(direction, [rows, -1]), this.#iterations);
      addInPlace(parameter, reshape(update, parameter.shape), -learningRate);
    }
  }
}

/**
 * An approximation of the nearest semi-orthogonal matrix, with singular values around 1, by a quintic Newton-Schulz
 * iteration: X becomes aX + bGX + cG²X by turns, where G is the Gram matrix of its rows. The coefficients maximise the
 * slope at zero. Each turn multiplies by a polynomial of G, so that it is enough to follow G, and the long rows of X
 * take part in two products, not in two a turn. Small singular values would be lost in bfloat16.
 */
export function orthogonalize(matrix: Tensor, iterations: number): Tensor {
  const [a, b, c] = [3.4445, -4.775, 2.0315];
  const tall = (matrix.shape[0] as number) > (matrix.shape[1] as number);
  const wide = tall ? transpose(matrix) : matrix;
  const x = div(wide, addScalar(norm(wide), 1e-7));
  let gram = matmul(x, transpose(x));
  let product: Tensor | undefined;
  for (let i = 0; i < iterations; i++) {
    const factor = add(mulScalar(gram, b), mulScalar(matmul(gram, gram), c));
    addScalarInPlace(diagonal(factor, 0, 0, 1), a);
    product = product ? matmul(factor, product) : factor;
    if (i + 1 < iterations) gram = matmul(matmul(factor, gram), factor);
  }
  const result = product ? matmul(product, x) : x;
  return tall ? transpose(result) : result;
}
