// The process that runs ONNX Runtime for one session. ONNX Runtime can be brought down by a hostile
// file, so it never lives in the main process. This one ends as soon as its parent is gone.

import type { InferenceSession, Tensor } from "onnxruntime-node";
import { type DataType, elementCount, elementSize, type ValueInfo } from "../graph/graph.ts";
import { uniform } from "../graph/random.ts";
import { typedView } from "../graph/tensorData.ts";
import { Watchdog } from "../isolate/watchdog.ts";
import { record } from "../record.ts";
import { Channel } from "./channel.ts";
import { type LoadedRuntime, loadRuntime, type Runtime } from "./load.ts";
import type { NamedTensor, Reply, Request, TimedRequest } from "./protocol.ts";

type Answer = { reply: Reply; payloads?: Uint8Array[] };

let runtime: LoadedRuntime | undefined;
let session: InferenceSession | undefined;

const watchdog = new Watchdog();

let queue = Promise.resolve();
const channel = new Channel<Reply, TimedRequest>(process, (request, payloads) => {
  queue = queue.then(async () => {
    watchdog.allow(request.timeoutSeconds);
    const { reply, payloads: results } = await answer(request, payloads);
    watchdog.allow(Number.POSITIVE_INFINITY);
    await channel.send(reply, results);
  });
});

async function answer(request: Request, payloads: Uint8Array[]): Promise<Answer> {
  try {
    runtime ??= await loadRuntime();
  } catch (error) {
    return { reply: { type: "failed", message: messageOf(error), missing: true } };
  }
  try {
    switch (request.type) {
      case "open":
        return { reply: await open(runtime, request.path ?? payloads[0]!, request) };
      case "run":
        return await run(runtime.ort, request.feeds, payloads);
      case "time":
        return { reply: await time(runtime.ort, request) };
    }
  } catch (error) {
    return { reply: { type: "failed", message: messageOf(error), missing: false } };
  }
}

async function open(
  { name, ort }: LoadedRuntime,
  model: string | Uint8Array,
  { threads, without }: Request & { type: "open" },
): Promise<Reply> {
  ort.env.logLevel = "fatal";
  const options: InferenceSession.SessionOptions = {
    logSeverityLevel: 4,
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    extra: {
      // Spinning threads of an idle session would slow down the one that is measured beside it.
      session: { force_spinning_stop: "1" },
      ...(without && { optimization: { disable_specified_optimizers: without.join(";") } }),
    },
  };
  session =
    typeof model === "string"
      ? await ort.InferenceSession.create(model, options)
      : await ort.InferenceSession.create(model, options);
  // Its JavaScript gathers outputs in an ordinary object.
  if (session.outputNames.includes("__proto__")) {
    throw new Error('an output must not be named "__proto__"; rename it');
  }
  return {
    type: "opened",
    runtime: name,
    inputs: session.inputMetadata.map((value) => valueInfo(value)),
    outputs: session.outputMetadata.filter(isTensorOfNumbers).map((value) => valueInfo(value)),
  };
}

function valueInfo(value: InferenceSession.ValueMetadata): ValueInfo {
  if (!value.isTensor) throw new Error(`input "${value.name}" is not a tensor`);
  if (!isRuntimeType(value.type)) {
    throw new Error(`input "${value.name}" has the element type ${value.type}`);
  }
  return { name: value.name, dtype: value.type, shape: value.shape };
}

/** Outputs that are words, or maps from words to numbers, are not read. */
function isTensorOfNumbers(value: InferenceSession.ValueMetadata): boolean {
  return value.isTensor && isRuntimeType(value.type);
}

async function run(
  ort: Runtime,
  feeds: readonly NamedTensor[],
  payloads: Uint8Array[],
): Promise<Answer> {
  const tensors = feeds.map((feed, index) => tensorOf(ort, feed, payloads[index]!));
  const names = session!.outputMetadata.filter(isTensorOfNumbers).map(({ name }) => name);
  const results = await session!.run(named(feeds, tensors), names);
  const outputs: NamedTensor[] = [];
  const bytes: Uint8Array[] = [];
  for (const name of names) {
    const { type, dims, data } = results[name]!;
    if (!isRuntimeType(type)) throw new Error(`output "${name}" has the element type ${type}`);
    outputs.push({ name, dtype: type, shape: [...dims] });
    bytes.push(bytesOf(data as ArrayBufferView));
  }
  return { reply: { type: "ran", outputs }, payloads: bytes };
}

async function time(ort: Runtime, request: Request & { type: "time" }): Promise<Reply> {
  const { feeds, repeats, warmUp, seconds, runs } = request;
  const inputs = named(
    feeds,
    feeds.map((feed) => madeUpTensor(ort, feed)),
  );
  for (let count = 0; count < warmUp; count++) await session!.run(inputs);
  const milliseconds: number[] = [];
  const end = performance.now() + seconds * 1000;
  while (milliseconds.length < runs) {
    const start = performance.now();
    for (let count = 0; count < repeats; count++) await session!.run(inputs);
    const now = performance.now();
    milliseconds.push(now - start);
    if (now > end) break;
  }
  return { type: "timed", milliseconds };
}

function tensorOf(ort: Runtime, { name, dtype, shape }: NamedTensor, data: Uint8Array): Tensor {
  if (!isRuntimeType(dtype)) throw new Error(`input "${name}" has the element type ${dtype}`);
  const elements = typedView({ dtype, shape, data });
  return new ort.Tensor(dtype, elements as Float32Array, shape) as Tensor;
}

/** Uniform values in [-1, 1) for float32, the same every time, and zeros for all else. */
function madeUpTensor(ort: Runtime, feed: NamedTensor): Tensor {
  const size = elementCount(feed.shape);
  if (feed.dtype !== "float32") {
    return tensorOf(ort, feed, new Uint8Array(size * elementSize[feed.dtype]));
  }
  const values = uniform({ seed: 0, name: feed.name }, size).map((value) => 2 * value - 1);
  return tensorOf(ort, feed, bytesOf(values));
}

/** The types that pass between JavaScript and ONNX Runtime. */
function isRuntimeType(dtype: string): dtype is Exclude<DataType, "bfloat16"> {
  return Object.hasOwn(elementSize, dtype) && dtype !== "bfloat16";
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function named(feeds: readonly NamedTensor[], tensors: readonly Tensor[]): Record<string, Tensor> {
  return record(feeds.map((feed, index) => [feed.name, tensors[index]!]));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
