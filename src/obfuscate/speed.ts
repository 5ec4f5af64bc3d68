// How fast a chain learns on this machine, by a few steps of one that is thrown away.
import { Batches } from "../data/index.ts";
import { batchOptions } from "../jobs/index.ts";
import { sequential } from "../models/index.ts";
import { setThreads } from "../torch/index.ts";
import { nowhere, train, wholeJob } from "../train/index.ts";
import { directStage } from "./direct.ts";
import { calibrate } from "./jointLoss.ts";
import type { SimulationWork } from "./lesson.ts";
import { Teacher } from "./teacher.ts";

/** Steps that are not counted, in which memory is taken, and steps that are. */
const [warmUpSteps, countedSteps] = [5, 20];

/** As many epochs as fit in so many minutes of training, one at least; the time of checks and verification comes on top. */
export async function epochsIn(
  minutes: number,
  work: Pick<SimulationWork, "options" | "inputs">,
): Promise<number> {
  return Math.max(1, Math.floor((60 * minutes) / (await secondsPerEpoch(work))));
}

/**
 * What an epoch of direct simulation takes here. Of several workers each learns from its share of a batch, and so does
 * the one that is timed; what they tell each other is not counted.
 */
export async function secondsPerEpoch({
  options: asked,
  inputs,
}: Pick<SimulationWork, "options" | "inputs">): Promise<number> {
  const { batchSize, workers = 1 } = asked;
  // A single step has no time between it and the next.
  const epochs = Math.max(2, asked.epochs);
  const options = { ...asked, epochs, batchSize: Math.ceil(batchSize / workers) };
  setThreads(options.threads);
  using teacher = new Teacher(inputs.teacher, inputs.boundary, options);
  using batches = new Batches(inputs.data.train, batchOptions(options));
  const loss = await calibrate(options, teacher, batches);
  const { plan } = inputs;
  const drawn = sequential(plan.layers, { shape: plan.input });
  const { chain, stage } = directStage(drawn, { options, inputs }, { teacher, batches, loss });
  using _discarded = chain;
  const times: number[] = [];
  const losses: typeof stage.losses = (batch, step) => {
    times.push(performance.now());
    return stage.losses(batch, step);
  };
  const steps = Math.min(warmUpSteps + countedSteps, options.epochs * batches.length);
  const short = { ...stage, losses, part: wholeJob(steps) };
  await train(short, { run: nowhere, hooks: {}, checkpoint: undefined });
  const counted = times.slice(Math.min(warmUpSteps, times.length - 2));
  const secondsPerStep = (counted.at(-1)! - counted[0]!) / (counted.length - 1) / 1000;
  return secondsPerStep * Math.floor(inputs.data.train.count / batchSize);
}
