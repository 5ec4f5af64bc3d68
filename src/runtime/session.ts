// A model opened in ONNX Runtime. ONNX Runtime lives in a child process, so whatever a file does to
// it arrives here as an error.

import { resolve } from "node:path";
import { median } from "../averages.ts";
import { ModelError } from "../errors.ts";
import type { TensorData, ValueInfo } from "../graph/graph.ts";
import { record } from "../record.ts";
import { fileName } from "../text.ts";
import type { RuntimePackage } from "./packages.ts";
import { RuntimeProcess } from "./process.ts";
import type { NamedTensor, Reply } from "./protocol.ts";

export interface SessionOptions {
  /** How messages name the model; the file's name by default. */
  readonly name?: string;
  /** Threads inside an operator; ONNX Runtime's choice (one a physical core) by default. */
  readonly threads?: number;
  /** Names of ONNX Runtime's graph optimizations that are left out; none by default. */
  readonly without?: readonly string[];
  /** Seconds of processor time that loading or one run may take. */
  readonly timeoutSeconds?: number;
}

export interface LatencyOptions {
  readonly batch: number;
  /** Sizes after the batch, for inputs that leave them open. */
  readonly shape?: readonly number[];
  /** Time to spend on measuring. */
  readonly seconds?: number;
}

interface Measurement {
  readonly warmUp: number;
  readonly seconds: number;
  readonly runs: number;
}

const defaultTimeoutSeconds = 300;
const fewestTurns = 3;
const mostTurns = 10;

/** A model in ONNX Runtime. Close it after use, or declare it with `await using`. */
export class OnnxSession {
  readonly name: string;
  /** The package of ONNX Runtime that runs the model. */
  readonly runtime: RuntimePackage;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly #process: RuntimeProcess;

  private constructor(
    name: string,
    process: RuntimeProcess,
    { runtime, inputs, outputs }: Reply & { type: "opened" },
  ) {
    this.name = name;
    this.#process = process;
    this.runtime = runtime;
    this.inputs = inputs;
    this.outputs = outputs;
  }

  /**
   * Opens a model file, or a model's bytes. Throws ModelError where ONNX Runtime refuses it, crashes on
   * it or takes too long, and ResourceError where ONNX Runtime is not installed.
   */
  static async open(
    model: string | Uint8Array,
    options: SessionOptions = {},
  ): Promise<OnnxSession> {
    const { threads, without, timeoutSeconds = defaultTimeoutSeconds } = options;
    const name = options.name ?? (typeof model === "string" ? fileName(model) : "the model");
    const process = new RuntimeProcess(name, timeoutSeconds);
    const request = {
      type: "open",
      ...(typeof model === "string" ? { path: resolve(model) } : {}),
      ...(threads === undefined ? {} : { threads }),
      ...(without && { without }),
    } as const;
    try {
      const { reply } = await process.ask(
        "loading",
        request,
        typeof model === "string" ? [] : [model],
      );
      if (reply.type !== "opened") throw new TypeError(`unexpected reply ${reply.type}`);
      return new OnnxSession(name, process, reply);
    } catch (error) {
      await process.close();
      throw error;
    }
  }

  /** Process that ONNX Runtime runs in. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Runs the model once and gives every output by its name. Throws ModelError. */
  async run(feeds: Readonly<Record<string, TensorData>>): Promise<Record<string, TensorData>> {
    const entries = Object.entries(feeds);
    const { reply, payloads } = await this.#process.ask(
      "running",
      { type: "run", feeds: entries.map(([name, { dtype, shape }]) => ({ name, dtype, shape })) },
      entries.map(([, { data }]) => data),
    );
    if (reply.type !== "ran") throw new TypeError(`unexpected reply ${reply.type}`);
    return record(
      reply.outputs.map(({ name, dtype, shape }, index) => [
        name,
        { dtype, shape, data: payloads[index]! },
      ]),
    );
  }

  /**
   * Median milliseconds that a batch takes, on random input after a warm-up. A model with a fixed
   * smaller batch size is run as often as the batch needs. Throws ModelError.
   */
  async latency({ batch, shape = [], seconds = 1 }: LatencyOptions): Promise<number> {
    await this.#time({ batch, shape }, { warmUp: 1, seconds: 0, runs: 1 });
    return median(await this.#time({ batch, shape }, { warmUp: 0, seconds, runs: 2000 }));
  }

  /**
   * Latencies of two models as `latency` gives them, measured in turns of a fraction of the time each, so
   * that what else the machine does falls on both alike. `seconds` is spent on each model.
   */
  static async compareLatency(
    first: OnnxSession,
    second: OnnxSession,
    { batch, shape = [], seconds = 1 }: LatencyOptions,
  ): Promise<readonly [number, number]> {
    const pair = [first, second].map((session) => ({ session, times: [] as number[] }));
    let slowest = 0;
    for (const { session } of pair) {
      const once = { warmUp: 1, seconds: 0, runs: 1 };
      slowest = Math.max(slowest, ...(await session.#time({ batch, shape }, once)));
    }
    // A slow model has fewer turns, and no need to warm up in each.
    const turns = Math.min(
      mostTurns,
      Math.max(fewestTurns, Math.floor((seconds * 1000) / slowest)),
    );
    const warmUp = slowest < 20 ? 1 : 0;
    for (let turn = 0; turn < turns; turn++) {
      for (const { session, times } of turn % 2 === 0 ? pair : pair.toReversed()) {
        const measurement = { warmUp, seconds: seconds / turns, runs: 200 };
        times.push(...(await session.#time({ batch, shape }, measurement)));
      }
    }
    return [median(pair[0]!.times), median(pair[1]!.times)];
  }

  /** Ends the process. Runs under way fail. */
  async close(): Promise<void> {
    await this.#process.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #time(
    { batch, shape }: Required<Omit<LatencyOptions, "seconds">>,
    measurement: Measurement,
  ): Promise<number[]> {
    const feeds = this.inputs.map((input) => concrete(input, { batch, shape, model: this.name }));
    const taken = feeds[0]?.shape[0] || batch;
    const repeats = Math.ceil(batch / taken);
    const request = { type: "time", feeds, repeats, ...measurement } as const;
    const { reply } = await this.#process.ask("timing", request);
    if (reply.type !== "timed") throw new TypeError(`unexpected reply ${reply.type}`);
    return reply.milliseconds;
  }
}

/** An input with every size known: an open first size is the batch, other open sizes are given. */
function concrete(
  input: ValueInfo,
  context: { batch: number; shape: readonly number[]; model: string },
): NamedTensor {
  const { name, dtype, shape } = input;
  const given = [context.batch, ...context.shape];
  const sizes = shape?.map((size, axis) => (typeof size === "number" ? size : given[axis]));
  if (sizes?.every((size) => size !== undefined)) return { name, dtype, shape: sizes };
  throw new ModelError(
    `input "${name}" of ${context.model} has the open shape [${shape?.join(", ") ?? "?"}]; ` +
      "its sizes must be given",
  );
}
