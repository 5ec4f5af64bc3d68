// Simulation (DeepObfuscation, arXiv 1806.10313): the chain learns to answer as the original's extractor does, by
// the joint loss. Directly it learns all of it at once, recursively piece by piece.
import { Batches } from "../data/index.ts";
import { batchOptions } from "../jobs/index.ts";
import { simulateDirectly } from "./direct.ts";
import { calibrate } from "./jointLoss.ts";
import type { Simulated, SimulationWork } from "./lesson.ts";
import { simulateRecursively } from "./recursive/simulate.ts";
import { Teacher } from "./teacher.ts";

/** Trains the chain to simulate the extractor; at the end the classifier learns too, where asked. */
export async function simulate(work: SimulationWork): Promise<Simulated> {
  const { options, inputs, run, checkpoint } = work;
  using teacher = new Teacher(inputs.teacher, inputs.boundary, options);
  using batches = new Batches(inputs.data.train, batchOptions(options));
  const loss = await calibrate(options, teacher, batches);
  if (!checkpoint) await run.metrics.append({ calibration: loss.calibration });
  const simulation = options.simulation === "recursive" ? simulateRecursively : simulateDirectly;
  return await simulation(work, { teacher, batches, loss });
}
