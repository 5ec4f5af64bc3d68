// The main job: original in, run folder with the shipped file out.
import { Batches, describeData } from "../data/index.ts";
import { GateError, ModelError } from "../errors.ts";
import { countCost } from "../graph/cost.ts";
import { compose } from "../graph/rewrites.ts";
import { inferShapes } from "../graph/shapes.ts";
import { writeModel } from "../onnx/index.ts";
import { quantizeShipped } from "../quantize/index.ts";
import { libtorchVersion, manualSeed, setThreads } from "../torch/index.ts";
import {
  assertEpochs,
  assertNew,
  batchOptions,
  type JobHooks,
  RunFolder,
  throwIfStopped,
} from "../train/index.ts";
import { describePlan } from "./describePlan.ts";
import type { ObfuscateOptions, ObfuscateSummary, ResolvedOptions } from "./options.ts";
import { Original } from "./original.ts";
import type { Plan } from "./plan.ts";
import { type Prepared, prepare, resolveOptions } from "./prepare.ts";
import { nameChainInput, seal } from "./seal.ts";
import { type Simulated, simulate } from "./simulate.ts";
import { verify } from "./verify.ts";

/** What config.json of a run holds. */
interface RunConfig {
  readonly job: "obfuscate";
  readonly options: ResolvedOptions;
  readonly originalSha256: string;
  readonly boundary: string;
  readonly plan: Plan;
  readonly versions: Readonly<Record<string, string>>;
}

/**
 * Obfuscates a model: checks everything first, then trains the chain, seals and verifies it. Everything
 * is written to the folder `options.out`. Throws a DeepObfError; a missed gate only after all is written.
 */
export async function obfuscate(
  options: ObfuscateOptions,
  hooks: JobHooks = {},
): Promise<ObfuscateSummary> {
  assertNew(options.out);
  assertEpochs(options.epochs);
  hooks.onProgress?.({ type: "phase", name: "checking model and data" });
  const prepared = await prepare(options);
  const config: RunConfig = {
    job: "obfuscate",
    options: resolveOptions(options, prepared),
    originalSha256: prepared.sha256,
    boundary: prepared.boundary.tensor,
    plan: prepared.plan,
    versions: versions(),
  };
  const run = await RunFolder.create(config.options.out, config);
  return run.whileLocked(() => execute(run, { config, prepared, hooks }));
}

/**
 * Continues an interrupted run from its newest checkpoint, from the start where it has none; gives the
 * summary again where it is done. Throws as `obfuscate` does, and UsageError where it is no run.
 */
export async function resume(directory: string, hooks: JobHooks = {}): Promise<ObfuscateSummary> {
  const { run, config: read } = await RunFolder.open(directory, "obfuscate");
  const config = read as RunConfig;
  const finished = await run.readSummary();
  if (finished) return checkGates(finished as ObfuscateSummary, config.options);
  return run.whileLocked(async () => {
    hooks.onProgress?.({ type: "phase", name: "checking model and data" });
    const prepared = await prepare(config.options);
    if (prepared.sha256 !== config.originalSha256) {
      throw new ModelError(
        `${config.options.model} is not the file that this run began with: expected SHA-256 ` +
          `${config.originalSha256}, found ${prepared.sha256}`,
      );
    }
    return execute(run, { config, prepared, hooks });
  });
}

async function execute(
  run: RunFolder,
  { config, prepared, hooks }: { config: RunConfig; prepared: Prepared; hooks: JobHooks },
): Promise<ObfuscateSummary> {
  const { options } = config;
  const { graph, data } = prepared;
  const { device, precision, mean, std, seed, threads } = options;
  hooks.onProgress?.({ type: "message", text: describeJob(prepared) });
  setThreads(threads);
  manualSeed(seed);
  const { chain: trained, classifier } = await trainChain(run, { config, prepared, hooks });
  const chain = nameChainInput(trained, graph);

  hooks.onProgress?.({ type: "phase", name: "sealing and verifying" });
  const sealed = seal(chain, classifier, { depth: options.depth, seed });
  const shipped = { graph: sealed, path: run.files.model };
  await writeModel(sealed, shipped.path);
  const onProgress = () => throwIfStopped(hooks, run);
  const results = await verify({ graph, path: options.model }, shipped, {
    ...{ trained: compose(chain, classifier), ...data, mean, std, threads, onProgress },
  });
  const { quantize, model: originalPath } = options;
  const quantized =
    quantize &&
    (await quantizeShipped(shipped, quantize, {
      ...{ original: originalPath, ...data, mean, std, threads, onProgress },
    }));
  const summary: ObfuscateSummary = {
    ...{ ...results, ...(quantized && { quantized }) },
    ...{ depth: options.depth, epochs: options.epochs, seed, device, precision },
    seconds: run.seconds,
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    versions: config.versions,
    files: run.files,
  };
  await run.finish(summary);
  return checkGates(summary, options);
}

async function trainChain(
  run: RunFolder,
  { config, prepared, hooks }: { config: RunConfig; prepared: Prepared; hooks: JobHooks },
): Promise<Simulated> {
  const { options, plan } = config;
  const { classifier } = prepared;
  const { device, precision, seed, epochs, simulation, optimizer, learningRate } = options;
  const { overparameterized, averageWeights, tuneClassifier } = options;
  hooks.onProgress?.({ type: "phase", name: "simulating the extractor" });
  using original = new Original(prepared.original, prepared.boundary, { device, precision });
  using batches = new Batches(prepared.data.train, batchOptions(options));
  const checkpoint = await run.readCheckpoint();
  return await simulate(original, batches, {
    ...{ plan, epochs, simulation, optimizer, learningRate, device, precision, seed },
    ...{ loss: options, overparameterized, averageWeights, classifier, tuneClassifier },
    ...{ run, hooks, checkpoint },
  });
}

function describeJob({ data, plan, boundary, graph, extractor }: Prepared): string {
  const { macs } = countCost(extractor, inferShapes(extractor));
  return (
    `${describeData(data)}\n` +
    `boundary: "${boundary.tensor}" [${boundary.shape.slice(1).join(", ")}] of ${graph.nodes.length} nodes\n` +
    describePlan(plan, { boundary: boundary.tensor, macs })
  );
}

function checkGates(summary: ObfuscateSummary, options: ResolvedOptions): ObfuscateSummary {
  const { original, obfuscated } = summary;
  const missed: string[] = [];
  const { minAccuracy, maxAccuracyDrop, maxLatencyRatio } = options;
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  if (minAccuracy !== undefined && obfuscated.accuracy < minAccuracy) {
    missed.push(`--min-accuracy: ${percent(obfuscated.accuracy)} is below ${percent(minAccuracy)}`);
  }
  const drop = original.accuracy - obfuscated.accuracy;
  if (maxAccuracyDrop !== undefined && drop > maxAccuracyDrop) {
    missed.push(`--max-accuracy-drop: ${percent(drop)} is more than ${percent(maxAccuracyDrop)}`);
  }
  for (const batch of ["batch1", "batch64"] as const) {
    const ratio = obfuscated.latencyMs[batch] / original.latencyMs[batch];
    if (maxLatencyRatio !== undefined && ratio > maxLatencyRatio) {
      missed.push(
        `--max-latency-ratio: ${ratio.toFixed(3)} at ${batch} is more than ${maxLatencyRatio}`,
      );
    }
  }
  if (missed.length === 0) return summary;
  throw new GateError(
    `the run is complete (${summary.files.summary}), but missed:\n  ${missed.join("\n  ")}`,
  );
}

function versions(): Record<string, string> {
  return { node: process.versions.node, libtorch: libtorchVersion() };
}
