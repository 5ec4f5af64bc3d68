// Runs a model file on libtorch and in ONNX Runtime and compares what comes out.

import { Network } from "../engine/index.ts";
import { ModelError, ResourceError } from "../errors.ts";
import { countCost } from "../graph/cost.ts";
import { exportForAnyBatch } from "../graph/exportLines.ts";
import { elementCount, type Graph, type TensorData, type ValueInfo } from "../graph/graph.ts";
import { normal, uniform } from "../graph/random.ts";
import { isTrainingSwitch, unfuse, widenFloats } from "../graph/rewrites.ts";
import { inferShapes } from "../graph/shapes.ts";
import { isFloat, toFloat32, toNumbers } from "../graph/tensorData.ts";
import { unwatched, type Watch } from "../isolate/run.ts";
import { readModel } from "../onnx/index.ts";
import { record } from "../record.ts";
import { fileName } from "../text.ts";
import {
  type Device,
  type DType,
  fromBytes,
  inferenceMode,
  parseDevice,
  scope,
  setThreads,
  tensor,
} from "../torch/index.ts";
import { combine, compareValues, type Difference } from "./difference.ts";
import { givenShapes } from "./givenShapes.ts";
import { openModel } from "./openModel.ts";
import { assertThreads } from "./threads.ts";

/** What to compare ONNX Runtime and libtorch on. */
export interface CheckOptions {
  /** An ONNX file. */
  readonly model: string;
  /** Shape of the first input, for files that leave sizes open; an open batch size is 1. */
  readonly inputShape?: readonly number[];
  /** Decides the input: normally distributed where it is float, small whole numbers elsewhere; training is off. */
  readonly seed?: number;
  readonly device?: string;
  readonly threads?: number;
}

/** What `deepobf check --json` prints. */
export interface CheckResult extends Difference {
  /** Whether both ran the graph in float32: ONNX Runtime has no convolution of bfloat16 or of doubles. */
  readonly isStandIn: boolean;
  readonly outputs: readonly (Difference & {
    readonly name: string;
    readonly shape: readonly number[];
  })[];
}

const readingSeconds = 60;
const mostInputElements = 2 ** 25;
const mostMacs = 1e12;

/**
 * Compares all outputs for one random input, of the graph in float32 where ONNX Runtime refuses the file's own numbers.
 * Throws ModelError for whatever keeps the file from running on both, absurd sizes included, and UsageError for more
 * threads than processors.
 */
export async function checkModel(
  options: CheckOptions,
  { announce }: Watch = unwatched,
): Promise<CheckResult> {
  const { model, seed = 0, threads } = options;
  assertThreads(threads);
  announce("reading", readingSeconds);
  const device = parseDevice(options.device ?? "cpu");
  if (threads !== undefined) setThreads(threads);
  const graph = await readModel(model);
  const prepared = (file: Graph) => {
    const network = new Network(unfuse(file), { device });
    const facts = inferShapes(network.graph, givenShapes(file, options.inputShape));
    const inputs = file.inputs.map((info): [string, TensorData] => [
      info.name,
      randomTensor(info, { shape: facts.get(info.name)!.shape, seed }),
    ]);
    return { network, facts, inputs };
  };
  const own = prepared(graph);
  const seconds = patience(countCost(own.network.graph, own.facts).macs);
  announce("loading", readingSeconds);
  const opened = await openModel(model, [() => graph, () => widenFloats(graph)], {
    name: fileName(model),
    outputs: graph.outputs.map(({ name }) => name),
    graph,
    timeoutSeconds: seconds,
    ...(threads !== undefined && { threads }),
  });
  await using session = opened.session;
  const isStandIn = opened.graph !== undefined && opened.graph !== graph;
  const { network, inputs } = isStandIn ? prepared(opened.graph) : own;
  announce("running", 2 * seconds);
  const ours = runNetwork(network, inputs, device);
  const theirs = await session.run(record(inputs));
  const outputs = graph.outputs.map(({ name }) => compareOutput(name, ours[name], theirs[name]));
  const { largest: _, ...overall } = combine(outputs.map(({ difference }) => difference));
  return {
    ...overall,
    isStandIn,
    outputs: outputs.map(({ name, shape, difference: { maxAbsDiff, maxRelDiff } }) => ({
      name,
      shape,
      maxAbsDiff,
      maxRelDiff,
    })),
  };
}

/** Seconds that one run may take: a slow machine does ten billion MACs in one. */
function patience(macs: number): number {
  if (macs <= mostMacs) return Math.ceil(30 + macs / 1e10);
  throw new ModelError(
    `one run would take ${macs.toExponential(1)} multiply-accumulates, more than the limit of ` +
      mostMacs.toExponential(0),
  );
}

function randomTensor(
  info: ValueInfo,
  { shape, seed }: { shape: readonly number[]; seed: number },
): TensorData {
  const { name, dtype } = info;
  const count = elementCount(shape);
  if (count > mostInputElements) {
    throw new ModelError(
      `input "${name}" [${shape.join(", ")}] has ${count} elements, more than the limit of ${mostInputElements}`,
    );
  }
  if (count === 0) {
    throw new ModelError(
      `input "${name}" [${shape.join(", ")}] holds no number, so there is nothing to compare; export the model with\n  ${exportForAnyBatch}`,
    );
  }
  if (dtype === "uint16" || dtype === "uint32" || dtype === "uint64") {
    throw new ModelError(`input "${name}" has the type ${dtype}, which libtorch lacks`);
  }
  if (isTrainingSwitch(info)) return { dtype, shape, data: new Uint8Array(count) };
  const stream = { seed, name: `check/${name}` };
  const most = dtype === "bool" ? 2 : 10;
  const values = isFloat(dtype)
    ? normal(stream, count)
    : uniform(stream, count).map((value) => Math.floor(value * most));
  return { dtype, shape, data: scope(() => tensor(values, { shape, dtype }).toBytes()) };
}

function runNetwork(
  network: Network,
  inputs: readonly [string, TensorData][],
  device: Device,
): Record<string, TensorData> {
  const forward = () => {
    const tensors = inputs.map(([name, { data, dtype, shape }]) => {
      const values = fromBytes(data, { dtype: dtype as DType, shape, device });
      return [name, values] as const;
    });
    const results = Object.entries(network.forward(record(tensors)));
    return record(
      results.map(([name, result]) => [
        name,
        { dtype: result.dtype, shape: result.shape, data: result.toBytes() },
      ]),
    );
  };
  try {
    return scope(() => inferenceMode(forward));
  } catch (error) {
    // The sizes in the file ask for the memory, so the file is to blame.
    if (error instanceof ResourceError || error instanceof RangeError) {
      throw new ModelError(error.message, { cause: error });
    }
    throw error;
  }
}

function compareOutput(name: string, ours: TensorData | undefined, theirs: TensorData | undefined) {
  if (!ours || !theirs) throw new ModelError(`output "${name}" was not given by both runtimes`);
  const [here, there] = [ours, theirs].map(({ shape }) => `[${shape.join(", ")}]`);
  if (here !== there) {
    throw new ModelError(
      `output "${name}" has the shape ${here} on libtorch, but ${there} in ONNX Runtime`,
    );
  }
  const values = (result: TensorData) =>
    isFloat(result.dtype) && result.dtype !== "float64" ? toFloat32(result) : toNumbers(result);
  return { name, shape: theirs.shape, difference: compareValues(values(ours), values(theirs)) };
}
