// Optimizers over groups of parameters. A step updates every parameter that has a gradient; the
// learning rate of a group is multiplied by the schedule's value for the step.
import { clearGradients, noGrad } from "./autograd.ts";
import { full } from "./create.ts";
import { operator } from "./operator.ts";
import { keep, scope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/** Parameters by name, with settings of their own. */
export interface ParameterGroup {
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly learningRate: number;
  readonly weightDecay?: number;
}

/** Updates parameters from their gradients. */
export interface Optimizer {
  /** One update, with every group's learning rate multiplied by `scale`. */
  step(scale?: number): void;
  /** Forgets the gradients. */
  zeroGrad(): void;
  /** What the next step depends on besides the parameters, by name: for checkpoints. */
  readonly state: ReadonlyMap<string, Tensor>;
  dispose(): void;
}

const addLists = operator<undefined>("aten::_foreach_add_.List");
const scaleList = operator<undefined>("aten::_foreach_mul_.Scalar");
const addProducts = operator<undefined>("aten::_foreach_addcmul_.Scalar");
const addQuotients = operator<undefined>("aten::_foreach_addcdiv_.Scalar");
const squareRoots = operator<Tensor[]>("aten::_foreach_sqrt");
const addScalars = operator<undefined>("aten::_foreach_add_.Scalar");
const divideScalars = operator<undefined>("aten::_foreach_div_.Scalar");

/** What the optimizers share: the groups, and one tensor of state a parameter and slot. */
export abstract class GroupOptimizer implements Optimizer {
  readonly state: ReadonlyMap<string, Tensor>;
  protected readonly groups: readonly ParameterGroup[];

  constructor(groups: readonly ParameterGroup[], slots: readonly string[]) {
    this.groups = groups;
    const state = new Map<string, Tensor>();
    for (const { parameters } of groups) {
      for (const [name, parameter] of parameters) {
        for (const slot of slots) {
          const zero = full(parameter.shape, 0, { device: parameter.device });
          state.set(`${slot}.${name}`, keep(zero));
        }
      }
    }
    this.state = state;
  }

  step(scale = 1): void {
    noGrad(() =>
      scope(() => {
        for (const group of this.groups) {
          const active: Active[] = [];
          for (const [name, parameter] of group.parameters) {
            const gradient = parameter.grad;
            if (gradient) active.push({ name, parameter, gradient });
          }
          if (active.length > 0) this.update(active, group.learningRate * scale, group);
        }
      }),
    );
  }

  zeroGrad(): void {
    for (const { parameters } of this.groups) clearGradients([...parameters.values()]);
  }

  dispose(): void {
    for (const tensor of this.state.values()) tensor.dispose();
  }

  protected slot(slot: string, active: readonly Active[]): Tensor[] {
    return active.map(({ name }) => this.state.get(`${slot}.${name}`) as Tensor);
  }

  protected abstract update(active: Active[], learningRate: number, group: ParameterGroup): void;
}

/** A parameter that takes part in a step. */
export interface Active {
  readonly name: string;
  readonly parameter: Tensor;
  readonly gradient: Tensor;
}

const parametersOf = (active: readonly Active[]) => active.map(({ parameter }) => parameter);
const gradientsOf = (active: readonly Active[]) => active.map(({ gradient }) => gradient);

/**
 * Stochastic gradient descent with momentum (Sutskever et al. 2013), as in PyTorch:
 * v = momentum * v + g + weightDecay * w; w -= learningRate * (nesterov ? g + momentum * v : v).
 */
export class SGD extends GroupOptimizer {
  readonly #momentum: number;
  readonly #nesterov: boolean;

  constructor(
    groups: readonly ParameterGroup[],
    options: { readonly momentum?: number; readonly nesterov?: boolean } = {},
  ) {
    super(groups, ["momentum"]);
    this.#momentum = options.momentum ?? 0;
    this.#nesterov = options.nesterov ?? false;
  }

  protected override update(active: Active[], learningRate: number, group: ParameterGroup): void {
    const parameters = parametersOf(active);
    const gradients = gradientsOf(active);
    const velocity = this.slot("momentum", active);
    if (group.weightDecay) addLists(gradients, parameters, group.weightDecay);
    scaleList(velocity, this.#momentum);
    addLists(velocity, gradients);
    if (this.#nesterov) {
      addLists(gradients, velocity, this.#momentum);
      addLists(parameters, gradients, -learningRate);
    } else {
      addLists(parameters, velocity, -learningRate);
    }
  }
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), as in PyTorch. */
export class AdamW extends GroupOptimizer {
  readonly #betas: readonly [number, number];
  readonly #epsilon: number;
  readonly #count: Tensor;

  constructor(
    groups: readonly ParameterGroup[],
    options: { readonly betas?: readonly [number, number]; readonly epsilon?: number } = {},
  ) {
    super(groups, ["mean", "square"]);
    this.#betas = options.betas ?? [0.9, 0.999];
    this.#epsilon = options.epsilon ?? 1e-8;
    this.#count = keep(full([], 0));
    (this.state as Map<string, Tensor>).set("steps", this.#count);
  }

  override step(scale = 1): void {
    noGrad(() => addScalars([this.#count], 1));
    super.step(scale);
  }

  protected override update(active: Active[], learningRate: number, group: ParameterGroup): void {
    const [beta1, beta2] = this.#betas;
    const count = this.#count.item();
    const parameters = parametersOf(active);
    const gradients = gradientsOf(active);
    const mean = this.slot("mean", active);
    const square = this.slot("square", active);
    if (group.weightDecay) scaleList(parameters, 1 - learningRate * group.weightDecay);
    scaleList(mean, beta1);
    addLists(mean, gradients, 1 - beta1);
    scaleList(square, beta2);
    addProducts(square, gradients, gradients, 1 - beta2);
    const denominator = squareRoots(square);
    divideScalars(denominator, Math.sqrt(1 - beta2 ** count));
    addScalars(denominator, this.#epsilon);
    addQuotients(parameters, mean, denominator, -learningRate / (1 - beta1 ** count));
  }
}
