// Trains a chain with a way of resistance: from the start, as `deepobf obfuscate` does, or on from a shipped chain, whose
// batch norm is put back for that.
import { bareConvolutions, withBatchNorm } from "../../src/attack/batchNorm.ts";
import { measureMoments } from "../../src/attack/moments.ts";
import {
  type Batch,
  Batches,
  type Data,
  type Normalization,
  sampleOf,
} from "../../src/data/index.ts";
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
  type CalibratedLoss,
  calibrate,
  type JointLoss,
  jointTerms,
  knowledgeFor,
} from "../../src/obfuscate/jointLoss.ts";
import type { PlannedOriginal } from "../../src/obfuscate/original.ts";
import type { ChainPlan } from "../../src/obfuscate/plan.ts";
import { countConvolutions, nameChainInput, seal } from "../../src/obfuscate/seal.ts";
import { Teacher } from "../../src/obfuscate/teacher.ts";
import type { JobHooks } from "../../src/runs/index.ts";
import { noGrad, type Tensor } from "../../src/torch/index.ts";
import {
  Learner,
  type LossTerm,
  learningRateOf,
  linearDecay,
  nowhere,
  optimizersFor,
  type Stage,
  train,
  wholeJob,
} from "../../src/train/index.ts";
import { poolOf } from "./proxies.ts";
import { pirateTerm, type Simulation } from "./simulated.ts";

/** What a way adds to the training of a chain. */
export interface Way {
  /** Another plan than the usual one, for a chain that is trained from the start. */
  readonly plan?: (usual: ChainPlan) => ChainPlan;
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
  /** A pirate who is simulated in every second step. */
  readonly pirate?: Simulation;
}

export interface TrainOptions extends Normalization {
  readonly planned: PlannedOriginal;
  readonly data: Data;
  /** The shipped chain to go on from; a new one where there is none. */
  readonly start?: Graph;
  readonly epochs: number;
  readonly seed: number;
  readonly onProgress: NonNullable<JobHooks["onProgress"]>;
}

const batch = 256;
const [device, precision] = ["cpu", "bf16"] as const;

/** The sealed chain under its classifier. */
export async function trainChain(way: Way, options: TrainOptions): Promise<Graph> {
  const { planned, data, start, epochs, seed, mean, std, onProgress } = options;
  const augment = { crop: 2, flip: true, mixup: 0 };
  const dealt = { batch, mean, std, seed, device, augment, dropLast: true };
  using batches = new Batches(data.train, dealt);
  using teacher = new Teacher(planned.teacher, planned.boundary, { device, precision });
  const plan = way.plan?.(planned.plan) ?? planned.plan;
  const drawn = await initialized(plan, batches, seed);
  const { graph, classifier } = start
    ? await reopen(start, { ...options, drawn, fresh: way.fresh })
    : { graph: drawn, classifier: planned.classifier };
  const usualLoss = { ...defaultLoss, labelSmoothing: 0, ...(start && { featureWeight: 0 }) };
  const loss = await calibrate({ ...usualLoss, ...way.loss }, teacher, batches);
  const { still, moving } = cutBehind(graph, way.frozen ?? 0);
  using before = still && new Network(still, { device, precision });
  using network = new Network(moving, { device, precision, trainable: true });
  using judge = new Network(classifier, { device, precision });
  const pool = way.pirate && (await poolOf(data.train, { mean, std }));
  const steps = Math.round(epochs * batches.length);
  const rate = way.rate ?? (start ? 0.5 : 1);
  using learner = learnerOf(network, { frozen: pooledScales(graph), rate, steps });
  const stage: Stage = {
    index: 0,
    name: "chain",
    learner,
    batches,
    epochs: Math.ceil(epochs),
    part: wholeJob(steps),
    schedule: linearDecay(start ? 0.1 : 0),
    ...lessonOf(way, { before, network, judge, teacher, loss, steps, pool }),
  };
  await train(stage, { run: nowhere, hooks: { onProgress }, checkpoint: undefined });
  const trained = network.toGraph();
  const whole = before ? compose(before.toGraph(), trained) : trained;
  const chain = nameChainInput(whole, planned.original);
  pool?.dispose();
  return seal(chain, classifier, { depth: countConvolutions(chain), seed });
}

/** Trains all that learns in a network by Muon, at `rate` over the usual learning rate. */
function learnerOf(
  network: Network,
  { frozen, rate, steps }: { frozen: ReadonlySet<string>; rate: number; steps: number },
): Learner {
  const { graph, buffers } = network;
  const parameters = new Map([...network.parameters].filter(([name]) => !frozen.has(name)));
  const usual = learningRateOf({ optimizer: "muon", batchSize: batch, steps });
  const optimizers = optimizersFor(graph, parameters, { learningRate: usual * rate });
  return new Learner({ parameters, buffers, optimizers });
}

interface Taught {
  /** The convolutions that stay as they begin; undefined where all learn. */
  readonly before: Network | undefined;
  readonly network: Network;
  /** From features to logits. */
  readonly judge: Network;
  readonly teacher: Teacher;
  readonly loss: CalibratedLoss;
  readonly steps: number;
  /** The images of a simulated pirate; undefined where there is none. */
  readonly pool: Tensor | undefined;
}

/** How a batch is run, and the terms of its loss: those of the joint loss, and the way's own. */
function lessonOf(
  way: Way,
  { before, network, judge, teacher, loss, steps, pool }: Taught,
): Pick<Stage, "forward" | "losses"> {
  const { nodes, outputs } = network.graph;
  const end = outputs[0]!.name;
  const relus = nodes.filter(({ operator }) => operator === "Relu").map((node) => node.outputs[0]!);
  const wanted = [...new Set([...(way.terms ? relus : []), end])];
  const forward = ({ images }: Batch) => {
    const training = { training: true };
    const read = before ? noGrad(() => before.apply(images, training)) : images;
    return network.activations(read, wanted, training);
  };
  const losses = (shown: Batch, step: number): LossTerm[] => {
    const tensor = teacher.boundary;
    const known = teacher.look(shown.images, knowledgeFor(loss, [tensor]));
    const maps = forward(shown);
    const features = maps[end]!;
    const logits = () => judge.apply(features);
    const context = { labels: shown.labels!, images: shown.images, progress: step / steps };
    return [
      ...jointTerms([{ name: "feature", tensor, features }], { batch: shown, known, loss, logits }),
      ...(way.terms?.(
        relus.map((name) => maps[name]!),
        context,
      ) ?? []),
      ...(way.pirate && pool && step % 2 === 0
        ? [pirateTerm({ chain: network, classifier: judge.graph, pool }, way.pirate, step / 2)]
        : []),
    ];
  };
  return { forward, losses };
}

async function initialized(plan: ChainPlan, batches: Batches, seed: number): Promise<Graph> {
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
  const moments = await measureMoments(extractor, bareConvolutions(extractor), {
    batches,
    device,
    onBatch() {},
  });
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
