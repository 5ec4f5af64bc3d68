// Runs a function in a process of its own. No file that it reads, however hostile, can then bring down or block
// this process: a crash, a lack of memory and a run without end all become errors about the model.
import {
  DeepObfError,
  errorOfCode,
  InterruptedError,
  ModelError,
  ResourceError,
  signalOf,
} from "../errors.ts";
import { escapeInvisible, fileName, shorten } from "../text.ts";
import { compiledScript, startLimited } from "./start.ts";
import { mostMilliseconds, timeIsUp } from "./watchdog.ts";

/** What a function uses to tell whoever watches over it. */
export interface Watch {
  /** Says what comes next, as in "loading", and how many seconds of processor time it may take. */
  readonly announce: (doing: string, seconds: number) => void;
  /** Hands an event to the caller. */
  readonly report: (event: unknown) => void;
}

/** For a function that nobody watches over. */
export const unwatched: Watch = { announce: () => {}, report: () => {} };

/** An exported function `(options, watch) => result`; its compiled module is a path below dist/, or a URL. */
export interface IsolatedFunction {
  readonly module: string;
  readonly name: string;
}

/** What the process is told first. */
export interface Order extends IsolatedFunction {
  readonly options: unknown;
}

/** What it says: what it does next and how long that may take, events, and how it ended. */
export type Message =
  | { readonly type: "doing"; readonly what: string; readonly seconds: number }
  | { readonly type: "event"; readonly event: unknown }
  | { readonly type: "done"; readonly result: unknown }
  | { readonly type: "failed"; readonly failure: Failure };

/** An error on its way between processes; `exitCode` is that of a DeepObfError. */
export interface Failure {
  readonly message: string;
  readonly stack?: string | undefined;
  readonly exitCode?: number | undefined;
  readonly code?: string | undefined;
  readonly path?: string | undefined;
}

interface RunOptions<Options> {
  /** What the function gets: values that can be copied. */
  readonly options: Options;
  /** The file that it looks at, for messages. */
  readonly model: string;
  readonly onEvent?: (event: unknown) => void;
  /** Ends the process; the call then throws InterruptedError. */
  readonly signal?: AbortSignal | undefined;
}

const startSeconds = 60;

/** Does what the function does. Throws what it throws, and ModelError where its process does not survive. */
export function runIsolated<Options extends object, Result>(
  { module, name }: IsolatedFunction,
  { options, model, onEvent, signal }: RunOptions<Options>,
): Promise<Result> {
  // Where a signal is handled here, it must not reach the process by way of the terminal.
  const child = startLimited(compiledScript("#isolated-process"), {
    detached: signal !== undefined,
  });
  const file = fileName(model);
  let doing = "starting to look at";
  let lastWords = "";
  let allowed = startSeconds;
  let timer: NodeJS.Timeout | undefined;
  let onAbort = () => {};
  return new Promise<Result>((resolve, reject) => {
    const expire = () =>
      reject(new ModelError(`${doing} ${file} did not end within ${allowed} s of processor time`));
    const allow = (seconds: number) => {
      clearTimeout(timer);
      allowed = seconds;
      if (Number.isFinite(seconds)) timer = setTimeout(expire, mostMilliseconds(seconds));
    };
    onAbort = () => {
      reject(new InterruptedError(signalOf(signal?.reason), `stopped while ${doing} ${file}`));
    };
    signal?.addEventListener("abort", onAbort);
    allow(startSeconds);
    child.on("message", (message: Message) => {
      if (message.type === "doing") {
        doing = message.what;
        allow(message.seconds);
      } else if (message.type === "event") onEvent?.(message.event);
      else if (message.type === "done") resolve(message.result as Result);
      else reject(errorOf(message.failure));
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      lastWords = (lastWords + text).slice(-600);
    });
    child.once("error", (cause) => {
      reject(new ResourceError(`cannot start a process to look at ${file}: ${cause.message}`));
    });
    child.once("close", (code, ended) => {
      if (ended === timeIsUp) expire();
      const how = ended ? `was ended by ${ended}` : `ended with code ${code}`;
      const words = shorten(escapeInvisible(lastWords.trim()));
      const last = words === "" ? "" : `\nIts last words: ${words}`;
      reject(new ModelError(`the process that was ${doing} ${file} ${how}${last}`));
    });
    child.send({ module, name, options } satisfies Order, () => {});
    if (signal?.aborted) onAbort();
  }).finally(() => {
    child.kill("SIGKILL");
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  });
}

/** An error as a message carries it. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { message: String(error) };
  const { message, stack } = error;
  if (error instanceof DeepObfError) return { message, exitCode: error.exitCode };
  const { code, path } = error as NodeJS.ErrnoException;
  return { message, stack, code, path };
}

function errorOf({ message, exitCode, ...rest }: Failure): Error {
  if (exitCode !== undefined) return errorOfCode(exitCode, message);
  const known = Object.entries(rest).filter(([, value]) => value !== undefined);
  return Object.assign(new Error(message), Object.fromEntries(known));
}
