// The child process behind a session: started with a memory limit, asked one thing at a time, killed
// when it takes too long. Every way it can end becomes an error that names the model.

import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { packageCommand } from "../../native/remedies.mjs";
import { ModelError, ResourceError } from "../errors.ts";
import { compiledScript, startLimited } from "../isolate/start.ts";
import { mostMilliseconds, timeIsUp } from "../isolate/watchdog.ts";
import { cut, escapeInvisible } from "../text.ts";
import { Channel } from "./channel.ts";
import type { Reply, Request, TimedRequest } from "./protocol.ts";

/** A reply with its payloads. */
export interface Response {
  readonly reply: Reply;
  readonly payloads: Uint8Array[];
}

interface Waiting {
  readonly resolve: (response: Response) => void;
  readonly reject: (error: Error) => void;
}

/** Runs `src/runtime/worker.ts` for one model. */
export class RuntimeProcess {
  readonly #model: string;
  readonly #timeoutSeconds: number;
  readonly #child: ChildProcess;
  readonly #channel: Channel<TimedRequest, Reply>;
  readonly #exited: Promise<void>;
  #queue: Promise<unknown> = Promise.resolve();
  #waiting: Waiting | undefined;
  #doing = "starting";
  #ended: Error | undefined;
  #messages = "";

  /** `model` is how messages name it. */
  constructor(model: string, timeoutSeconds: number) {
    this.#model = model;
    this.#timeoutSeconds = timeoutSeconds;
    // In a process group of its own, since Ctrl-C in a terminal is for this process to handle.
    this.#child = startLimited(compiledScript("#onnxruntime-worker"), { detached: true });
    this.#channel = new Channel(this.#child, (reply, payloads) => {
      this.#settle((waiting) => waiting.resolve({ reply, payloads }));
    });
    const messages = this.#child.stderr as Readable;
    messages.setEncoding("utf8").on("data", (text: string) => {
      this.#messages = (this.#messages + text).slice(-2000);
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once("error", (cause) => {
        this.#end(new ResourceError(`cannot start a process for ONNX Runtime: ${cause.message}`));
        resolve();
      });
      this.#child.once("close", (code, signal) => {
        this.#end(signal === timeIsUp ? this.#late() : this.#crash(code, signal));
        resolve();
      });
    });
    // A session that nobody closed must not keep the program from ending.
    this.#holdProgram(false);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * Sends a request, after those before it, and waits for the reply. `doing` completes the sentence
   * "ONNX Runtime crashed when ...". Throws ModelError on a refusal, a crash or a timeout.
   */
  ask(doing: string, request: Request, payloads: readonly Uint8Array[] = []): Promise<Response> {
    const response = this.#queue.then(() => this.#exchange(doing, request, payloads));
    this.#queue = response.catch(() => undefined);
    return response;
  }

  async close(): Promise<void> {
    this.#ended ??= new ModelError(`the ONNX Runtime session of ${this.#model} is closed`);
    this.#holdProgram(true);
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  /** Whether the program waits for the child to end, and for its last words. */
  #holdProgram(holds: boolean): void {
    const handles = [
      this.#child,
      this.#child.channel,
      this.#child.stderr as Partial<Socket> | null,
    ];
    for (const handle of handles) {
      if (holds) handle?.ref?.();
      else handle?.unref?.();
    }
  }

  async #exchange(
    doing: string,
    request: Request,
    payloads: readonly Uint8Array[],
  ): Promise<Response> {
    if (this.#ended) throw this.#ended;
    this.#doing = doing;
    const answered = new Promise<Response>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    const timer = setTimeout(() => this.#expire(), mostMilliseconds(this.#timeoutSeconds));
    try {
      // A send that fails means that the child is gone; how it ended is reported by "close".
      const timeoutSeconds = this.#timeoutSeconds;
      this.#channel.send({ ...request, timeoutSeconds }, payloads).catch(() => undefined);
      const response = await answered;
      if (response.reply.type === "failed") throw this.#refusal(response.reply);
      return response;
    } finally {
      clearTimeout(timer);
    }
  }

  #settle(how: (waiting: Waiting) => void): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) how(waiting);
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#settle((waiting) => waiting.reject(this.#ended!));
  }

  #expire(): void {
    this.#ended ??= this.#late();
    this.#child.kill("SIGKILL");
  }

  #late(): ModelError {
    return new ModelError(
      `ONNX Runtime did not finish ${this.#doing} ${this.#model} within ${this.#timeoutSeconds} s ` +
        "of processor time",
    );
  }

  #refusal({ message, missing }: Reply & { type: "failed" }): Error {
    if (missing) return missingRuntime(message);
    return new ModelError(
      `ONNX Runtime refuses ${this.#model} when ${this.#doing} it: ${oneLine(message)}`,
    );
  }

  #crash(code: number | null, signal: string | null): Error {
    const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
    const advice = signal === "SIGKILL" ? "; most likely memory ran out" : "";
    const last = oneLine(this.#messages);
    return new ModelError(
      `ONNX Runtime crashed when ${this.#doing} ${this.#model}: its process ${how}${advice}` +
        (last === "" ? "" : `\nIts last words: ${last}`),
    );
  }
}

/** The error for a machine without ONNX Runtime. */
export function missingRuntime(cause: string): ResourceError {
  return new ResourceError(
    `ONNX Runtime cannot be loaded: ${oneLine(cause)}\n` +
      `Install it beside deepobf with: ${packageCommand("onnxruntime-node")}`,
  );
}

/** A foreign message in one line of bounded length. */
function oneLine(message: string): string {
  return cut(escapeInvisible(message.replaceAll(/\s+/g, " ").trim()), 600);
}
