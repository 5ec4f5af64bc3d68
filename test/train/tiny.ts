// A training that takes milliseconds: 8×8 images whose brightest quarter is the class.
import { type Batch, Batches, type Dataset, inMemory } from "../../src/data/index.ts";
import { Network } from "../../src/engine/index.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { randomBits } from "../../src/graph/random.ts";
import type { JobHooks, RunFolder } from "../../src/runs/index.ts";
import {
  Learner,
  labelLoss,
  linearDecay,
  optimizersFor,
  type Stage,
  type Surroundings,
  train,
  wholeJob,
} from "../../src/train/index.ts";

export const stepsPerEpoch = 4;

/** Images in four classes. */
export function quarters(count = 64, seed = 1): Dataset {
  const noise = randomBits({ seed, name: "images" }, count * 64);
  const labels = Int32Array.from({ length: count }, (_, index) => index % 4);
  const pixels = Uint8Array.from(noise, (bits, index) => {
    const quarter = 2 * Number(index % 64 >= 32) + Number(index % 8 >= 4);
    return (bits % 100) + (quarter === labels[Math.floor(index / 64)] ? 100 : 0);
  });
  return inMemory({
    name: "quarters",
    pixels,
    labels,
    shape: [1, 8, 8] as const,
    classes: ["a", "b", "c", "d"],
  });
}

/** Two convolutions with batch norm, then a linear layer. */
export function smallClassifier(): Graph {
  const build = new GraphBuilder({ seed: 3 });
  let x = build.input("input", ["N", 1, 8, 8]);
  for (const [i, outputs] of [6, 8].entries()) {
    const conv = build.conv(x, { name: `conv${i}`, outputs, kernel: 3, padding: 1, stride: i + 1 });
    x = build.relu(build.batchNorm(conv, { name: `bn${i}` }));
  }
  build.output(build.linear(build.flatten(x), { name: "fc", outputs: 4 }), "logits");
  return build.build();
}

/** A network, its optimizers and its data. */
export interface Setup extends Disposable {
  readonly stage: Stage;
  readonly network: Network;
}

/** Training of the classifier on labels; `onStep` is called before each step with its number from 1. */
export function setUp(
  options: {
    epochs?: number;
    precision?: "f32" | "bf16";
    onStep?: (step: number) => void;
    dataset?: Dataset;
  } = {},
): Setup {
  const { epochs = 3, precision = "f32", onStep = () => {}, dataset = quarters() } = options;
  const graph = smallClassifier();
  const network = new Network(graph, { precision, trainable: true });
  const { parameters, buffers } = network;
  const optimizers = optimizersFor(graph, parameters, { learningRate: 0.2 });
  const learner = new Learner({ parameters, buffers, optimizers });
  const augment = { crop: 1, flip: false };
  const batches = new Batches(dataset, {
    batch: 16,
    seed: 5,
    mean: [0.3],
    std: [0.3],
    augment,
    dropLast: true,
  });
  const forward = ({ images }: Batch, batchWeight?: number) =>
    network.forward({ input: images }, { training: true, batchWeight });
  const losses = (batch: Batch, step: number) => {
    onStep(step + 1);
    return [{ name: "label", weight: 1, value: labelLoss(forward(batch).logits!, batch) }];
  };
  const part = wholeJob(epochs * batches.length);
  const schedule = linearDecay();
  return {
    stage: { index: 0, name: "tiny", learner, batches, epochs, part, schedule, losses, forward },
    network,
    [Symbol.dispose]: () => {
      for (const owner of [learner, batches, network]) owner[Symbol.dispose]();
    },
  };
}

/** Surroundings in which nothing is kept but the log. */
export function forgetful(log: object[] = [], hooks: JobHooks = {}): Surroundings {
  const metrics = { append: async (record: object) => void log.push(record) };
  const saveCheckpoint = async () => {};
  const goBack = async () => undefined;
  const run = { metrics, saveCheckpoint, goBack, checkpointSeconds: 3600, directory: "" };
  return { run, hooks, checkpoint: undefined };
}

/** Trains from the newest checkpoint of a run to the end. */
export async function trainIn(run: RunFolder, stage: Stage, hooks: JobHooks = {}): Promise<void> {
  await train(stage, { run, hooks, checkpoint: await run.readCheckpoint() });
}

/** Everything that training changes, bit for bit. */
export function bitsOf({ stage }: Setup): Record<string, string> {
  const state = [...stage.learner.state];
  return Object.fromEntries(
    state.map(([name, tensor]) => [name, Buffer.from(tensor.toBytes()).toString("hex")]),
  );
}
