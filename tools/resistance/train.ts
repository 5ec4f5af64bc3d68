// Trains a chain with a way of resistance: from the start, as `deepobf obfuscate` does, or on from a shipped chain, whose
// batch norm is put back for that.
import { bareConvolutions, withBatchNorm } from "../../src/attack/batchNorm.ts";
import { measureMoments } from "../../src/attack/moments.ts";
import { Batches, type Data, type Normalization, sampleOf } from "../../src/data/index.ts";
import { Network } from "../../src/engine/index.ts";
import { findBoundary } from "../../src/graph/cuts.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { compose, cutGraph } from "../../src/graph/rewrites.ts";
import { pooledScales } from "../../src/graph/roles.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { sequential } from "../../src/models/index.ts";
import { defaultLoss } from "../../src/obfuscate/defaults.ts";
import { initializeChain } from "../../src/obfuscate/initialize.ts";
import {
  calibrate,
  featureTerm,
  type JointLoss,
  logitTerms,
} from "../../src/obfuscate/jointLoss.ts";
import type { PlannedOriginal } from "../../src/obfuscate/original.ts";
import { countConvolutions, nameChainInput, seal } from "../../src/obfuscate/seal.ts";
import { Teacher } from "../../src/obfuscate/teacher.ts";
import { backward, noGrad, scope, type Tensor } from "../../src/torch/index.ts";
import {
  Learner,
  type LossTerm,
  learningRateOf,
  linearDecay,
  optimizersFor,
  totalLoss,
} from "../../src/train/index.ts";

/** What a way adds to the training of a chain. */
export interface Way {
  /** In place of the usual weights of the loss. */
  readonly loss?: Partial<JointLoss>;
  /** How many of the first convolutions stay as they begin. */
  readonly frozen?: number;
  /** How many of the first convolutions begin as those of a new chain, where the others go on from a shipped one. */
  readonly fresh?: number;
  /** Highest learning rate over the usual one. */
  readonly rate?: number;
  /** Further terms, made for a training; `maps` are the results of the activations that learn, in order. */
  readonly terms?: (
    maps: readonly Tensor[],
    context: { labels: Tensor; images: Tensor; progress: number },
  ) => LossTerm[];
}

export interface TrainOptions extends Normalization {
  readonly planned: PlannedOriginal;
  readonly data: Data;
  /** The shipped chain to go on from; a new one where there is none. */
  readonly start?: Graph;
  readonly epochs: number;
  readonly seed: number;
  readonly onProgress: (text: string) => void;
}

const batch = 256;
const device = "cpu";

/** The sealed chain under its classifier. */
export async function trainChain(way: Way, options: TrainOptions): Promise<Graph> {
  const { planned, data, start, epochs, seed, mean, std, onProgress } = options;
  const augment = { crop: 2, flip: true, mixup: 0 };
  using batches = new Batches(data.train, {
    batch,
    mean,
    std,
    seed,
    device,
    augment,
    dropLast: true,
  });
  using teacher = new Teacher(planned.teacher, planned.boundary, { device, precision: "bf16" });
  const drawn = await initialized(planned, batches, seed);
  const { graph, classifier } = start
    ? await reopen(start, { ...options, drawn, fresh: way.fresh })
    : { graph: drawn, classifier: planned.classifier };
  const wanted = {
    ...defaultLoss,
    labelSmoothing: 0,
    ...(start && { featureWeight: 0 }),
    ...way.loss,
  };
  const loss = await calibrate(wanted, teacher, batches);
  const { still, moving } = cutBehind(graph, way.frozen ?? 0);
  using before = still && new Network(still, { device, precision: "bf16" });
  using network = new Network(moving, { device, precision: "bf16", trainable: true });
  using judge = new Network(classifier, { device, precision: "bf16" });
  const pooled = pooledScales(graph);
  const parameters = new Map([...network.parameters].filter(([name]) => !pooled.has(name)));
  const steps = Math.round(epochs * batches.length);
  const usual = learningRateOf({ optimizer: "muon", batchSize: batch, steps });
  const learningRate = usual * (way.rate ?? (start ? 0.5 : 1));
  const optimizers = optimizersFor(moving, parameters, { learningRate });
  using learner = new Learner({ parameters, buffers: network.buffers, optimizers });
  const inner = moving.nodes
    .filter(({ operator }) => operator === "Relu")
    .map(({ outputs }) => outputs[0]!);
  const end = graph.outputs[0]!.name;
  const schedule = linearDecay(start ? 0.1 : 0);
  const { boundary } = teacher;
  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    for await (const shown of batches.epoch(epoch)) {
      const values = scope(() => {
        const known = teacher.look(shown.images, {
          tensors: loss.featureWeight > 0 ? [boundary] : [],
          logits: loss.distillationWeight > 0,
        });
        const outputs = [...new Set([...(way.terms ? inner : []), end])];
        const training = { training: true };
        const read = before ? noGrad(() => before.apply(shown.images, training)) : shown.images;
        const maps = network.activations(read, outputs, training);
        const features = maps[end]!;
        const logits = judge.apply(features);
        const terms: LossTerm[] = [
          ...(known.features[boundary]
            ? [featureTerm(features, known.features[boundary], { name: "feature", loss })]
            : []),
          ...logitTerms(logits, { batch: shown, originalLogits: known.logits }, loss),
          ...(way.terms?.(
            inner.map((name) => maps[name]!),
            {
              labels: shown.labels!,
              images: shown.images,
              progress: step / steps,
            },
          ) ?? []),
        ];
        learner.zeroGrad();
        backward(totalLoss(terms));
        learner.step(schedule(step / steps));
        return step % 25 === 0
          ? terms.map(({ name, value }) => `${name} ${value.item().toFixed(4)}`)
          : [];
      });
      if (values.length > 0) onProgress(`step ${step}/${steps}, ${values.join(", ")}`);
      step++;
      await new Promise(setImmediate);
      if (step === steps) break;
    }
  }
  const trained = network.toGraph();
  const whole = before ? compose(before.toGraph(), trained) : trained;
  const chain = nameChainInput(whole, planned.original);
  return seal(chain, classifier, { depth: countConvolutions(chain), seed });
}

async function initialized(
  planned: PlannedOriginal,
  batches: Batches,
  seed: number,
): Promise<Graph> {
  const { plan } = planned;
  const drawn = sequential(plan.layers, { shape: plan.input, seed });
  return initializeChain(drawn, { plan, batches });
}

/** A shipped chain with batch norm behind its convolutions, the first of them from a drawn one, and its classifier. */
async function reopen(
  shipped: Graph,
  options: TrainOptions & { drawn: Graph; fresh: number | undefined },
): Promise<{ graph: Graph; classifier: Graph }> {
  const { data, mean, std, seed, drawn, fresh = 0 } = options;
  const facts = inferShapes(shipped);
  const { tensor } = findBoundary(shipped, facts);
  const { extractor, classifier } = cutGraph(shipped, tensor, facts);
  using batches = new Batches(sampleOf(data.train, 2000), { batch: 125, mean, std, seed, device });
  const moments = await measureMoments(extractor, bareConvolutions(extractor), { batches, device });
  const known = withBatchNorm(extractor, moments);
  const { still } = cutBehind({ ...drawn, opset: known.opset }, fresh);
  const graph = still ? compose(still, cutBehind(known, fresh).moving) : known;
  return { graph, classifier };
}

/** The graph in two behind the activation of its convolution of this number, from 1; in one for 0. */
function cutBehind(graph: Graph, layers: number): { still: Graph | undefined; moving: Graph } {
  const activations = graph.nodes.filter(({ operator }) => operator === "Relu");
  if (layers === 0) return { still: undefined, moving: graph };
  const { extractor, classifier } = cutGraph(graph, activations[layers - 1]!.outputs[0]!);
  return { still: extractor, moving: classifier };
}
