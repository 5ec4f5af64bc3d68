// Training against a simulated pirate, after SOPHON (Deng et al. 2024, arXiv 2404.12699): a copy of the chain is fine-tuned
// on a task of its own, and the chain learns to leave it clueless. Of first order: the gradient at the weights that the
// copy came to counts as one at the chain's.
import { behead, drawRows, withHead } from "../../src/attack/head.ts";
import { Network } from "../../src/engine/index.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { randomBits } from "../../src/graph/random.ts";
import { compose } from "../../src/graph/rewrites.ts";
import {
  add,
  addScalar,
  backward,
  crossEntropy,
  grad,
  logSoftmax,
  mean,
  mul,
  mulScalar,
  scope,
  sub,
  sum,
  type Tensor,
} from "../../src/torch/index.ts";
import { type LossTerm, type OptimizerOptions, optimizersFor } from "../../src/train/index.ts";
import { imagesAt, type Lesson, nearest, type ProxyTask, rotations } from "./proxies.ts";

/** Who is simulated, and how much he counts. */
export interface Simulation extends OptimizerOptions {
  /** Steps that he takes each time, his rate falling to 0. */
  readonly steps: number;
  readonly weight: number;
}

/** Images of his that he takes a step on. */
const batch = 64;
/** Classes of the task that has images drawn anew for its classes. */
const classes = 20;

/**
 * How far he stays from knowing nothing, where he fine-tunes a chain on images of the pool [N, C, H, W]: on two tasks by
 * turns, the last layer drawn anew. `round` decides what is drawn.
 */
export function pirateTerm(
  { chain, classifier, pool }: { chain: Network; classifier: Graph; pool: Tensor },
  simulation: Simulation,
  round: number,
): LossTerm {
  const drawn = (name: string, count: number) => {
    const bits = randomBits({ seed: round, name: `pirate/${name}` }, count);
    const places = Array.from(bits, (value) => value % pool.shape[0]!);
    return imagesAt(pool, places);
  };
  const task: ProxyTask = round % 2 === 0 ? rotations : nearest(drawn("classes", classes));
  const parts = behead(compose(chain.toGraph(), classifier));
  const start = withHead(parts, drawRows(task.classes, parts.features, round));
  const lesson = (step: number) => task.lesson(drawn(`images/${step}`, batch));
  const { value, gradients } = simulate(start, lesson, simulation);
  const term = withGradients(value, chain.parameters, gradients);
  return { name: "pirate", weight: simulation.weight, value: term };
}

/**
 * Fine-tunes a classifier on lessons, the one after which judges: the divergence of its predictions from the uniform
 * distribution, and the gradients of that by the parameters' names. In bfloat16 unless told otherwise.
 */
export function simulate(
  graph: Graph,
  lesson: (step: number) => Lesson,
  { steps, ...recipe }: Omit<Simulation, "weight">,
  precision: "f32" | "bf16" = "bf16",
): { value: Tensor; gradients: Map<string, Tensor> } {
  using network = new Network(graph, { precision, trainable: true });
  const names = [...network.parameters.keys()];
  const weights = [...network.parameters.values()];
  const optimizers = optimizersFor(graph, network.parameters, recipe);
  const logits = (images: Tensor) => network.apply(images, { training: true });
  for (let step = 0; step < steps; step++) {
    scope(() => {
      const { images, labels } = lesson(step);
      for (const optimizer of optimizers) optimizer.zeroGrad();
      backward(crossEntropy(logits(images), labels));
      for (const optimizer of optimizers) optimizer.step(1 - step / steps);
    });
  }
  for (const optimizer of optimizers) optimizer.dispose();
  return scope(() => {
    const value = uniformDivergence(logits(lesson(steps).images));
    const gradients = grad([value], weights);
    return {
      value: value.detach(),
      gradients: new Map(names.map((name, i) => [name, gradients[i]!])),
    };
  });
}

/** A scalar of this value whose gradients at the parameters are those of their names. */
export function withGradients(
  value: Tensor,
  parameters: ReadonlyMap<string, Tensor>,
  gradients: ReadonlyMap<string, Tensor>,
): Tensor {
  const zeros = [...parameters].flatMap(([name, parameter]) => {
    const gradient = gradients.get(name);
    return gradient ? [sum(mul(gradient, sub(parameter, parameter.detach())))] : [];
  });
  return zeros.reduce((total, zero) => add(total, zero), value);
}

/** Kullback-Leibler divergence of the predictions of logits [N, K] from the uniform distribution. */
function uniformDivergence(logits: Tensor): Tensor {
  const surprise = mulScalar(mean(logSoftmax(logits)), -1);
  return addScalar(surprise, -Math.log(logits.shape[1]!));
}
