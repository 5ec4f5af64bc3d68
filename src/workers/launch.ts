// Starts workers on this machine, as torchrun does, without Python: one process each, with the environment that launchers
// set. They end together: none is left behind, however the others or this process ended.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, constants } from "node:os";
import { join } from "node:path";
import { exitCodes } from "../errors.ts";
import { type Environment, patienceOf } from "./membership.ts";

/** What is to be started. */
export interface Launch {
  readonly workers: number;
  /** How often the workers are started again where one was lost. */
  readonly restarts: number;
  /** The command line of each worker; once there is a run's folder, that which goes on with it. */
  readonly command: (run: string | undefined) => readonly string[];
}

/** Says to a worker that this file started it. */
const mark = "DEEPOBF_LAUNCHED";

/** What is kept of a worker's complaints. */
const mostComplaints = 64 * 1024;

/** Seconds for the others to end, once it is known that a worker is gone. */
const secondsToEnd = 10;

/** How a worker ended. */
interface Ended {
  readonly rank: number;
  readonly pid: number | undefined;
  readonly code: number;
  /** What ended it, where it did not end by itself. */
  readonly signal: NodeJS.Signals | null;
  readonly complaints: string;
}

/**
 * Runs the workers to their end. The first one has this process's input and outputs. Gives the exit code of all. Throws
 * UsageError, before it starts one, where DEEPOBF_WORKER_TIMEOUT is not what workers take.
 */
export async function launch({ workers, restarts, command }: Launch): Promise<number> {
  let run = "";
  for (let restart = 0; ; restart++) {
    const isBegun = run !== "" && existsSync(join(run, "config.json"));
    const attempt = { workers, command: command(isBegun ? run : undefined), onRun };
    const ended = await attemptTogether(attempt);
    const code = codeOf(ended);
    if (code !== exitCodes.done) process.stderr.write(complaintOf(ended, workers));
    if (code !== exitCodes.worker || restart === restarts) return code;
    process.stderr.write(`note: the workers are started again (${restart + 1} of ${restarts})\n`);
  }

  function onRun(directory: string): void {
    run = directory;
  }
}

/** How many threads each of the workers of this machine has. */
export function threadsOfEach(workers: number): number {
  return Math.max(1, Math.floor(availableParallelism() / workers));
}

/** Whether this process is one of the workers that `launch` started. */
export function isLaunched(): boolean {
  return process.env[mark] !== undefined;
}

/** Ties a worker to the process that started it, if one did: it tells that one its run, and ends with it. */
export function followLauncher(): void {
  if (!isLaunched()) return;
  if (!process.connected) endWithLauncher(); // it went while this process started
  process.once("disconnect", endWithLauncher);
  process.channel?.unref();
}

function endWithLauncher(): never {
  process.exit(exitCodes.worker);
}

/** What the first worker tells the launcher: the folder that its run is about to have, and that it needs the others no more. */
type Notice = { readonly directory: string } | { readonly isAlone: true };

/** Tells the launcher, where there is one. */
export function tellLauncher(notice: Notice): void {
  if (isLaunched()) process.send?.(notice, (error: Error | null) => error && endWithLauncher());
}

interface Attempt extends Pick<Launch, "workers"> {
  readonly command: readonly string[];
  readonly onRun: (directory: string) => void;
}

/** One worker's process: what it is to do, and who hears what the first one tells. */
interface Start extends Pick<Attempt, "command"> {
  readonly rank: number;
  readonly onTold: (notice: Notice) => void;
}

/** Gives how the workers ended, in the order in which they did. */
async function attemptTogether(attempt: Attempt): Promise<Ended[]> {
  const { workers, command, onRun } = attempt;
  const patience = patienceOf(process.env);
  let isFirstAlone = false;
  const onTold = (notice: Notice) => {
    if ("directory" in notice) onRun(notice.directory);
    else isFirstAlone = true;
  };
  const common = {
    OMP_NUM_THREADS: String(threadsOfEach(workers)),
    ...process.env,
    WORLD_SIZE: String(workers),
    LOCAL_WORLD_SIZE: String(workers),
    [mark]: "1",
    MASTER_ADDR: "127.0.0.1",
    MASTER_PORT: String(await freePort()),
    TORCHELASTIC_USE_AGENT_STORE: undefined, // of a launcher that started this process
  };
  const pass = (signal: NodeJS.Signals) => {
    for (const child of children) child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, pass); // before there is one that it could leave behind
  const children = Array.from({ length: workers }, (_, rank) =>
    start({ ...common, RANK: String(rank), LOCAL_RANK: String(rank) }, { command, rank, onTold }),
  );
  let timer: NodeJS.Timeout | undefined;
  const limit = (seconds: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => pass("SIGKILL"), seconds * 1000);
  };
  const ended: Ended[] = [];
  try {
    await Promise.all(
      children.map(async (child, rank) => {
        const each = await endOf(child, rank);
        ended.push(each);
        const isFirst = rank === 0;
        if (isFirstAlone && !isFirst) return;
        if (each.code === exitCodes.worker || isFirst) limit(secondsToEnd);
        else if (each.code !== exitCodes.done) limit(secondsToEnd + patience);
      }),
    );
    return ended;
  } finally {
    clearTimeout(timer);
    for (const signal of signals) process.removeListener(signal, pass);
  }
}

function start(environment: Environment, { command, rank, onTold }: Start): ChildProcess {
  const isFirst = rank === 0;
  const child = spawn(process.execPath, command, {
    detached: true, // a Ctrl-C comes from this process alone
    env: environment,
    stdio: isFirst ? ["inherit", "inherit", "inherit", "ipc"] : ["ignore", "ignore", "pipe", "ipc"],
  });
  if (isFirst) child.on("message", (notice: Notice) => onTold(notice));
  return child;
}

async function endOf(child: ChildProcess, rank: number): Promise<Ended> {
  let complaints = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaints = (complaints + text).slice(-mostComplaints);
  });
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return {
    rank,
    pid: child.pid,
    signal,
    complaints,
    code: code ?? 128 + constants.signals[signal!],
  };
}

/** Whether a worker ended by itself, and not well: then it has said why. */
function hasSaidWhy({ code }: Ended): boolean {
  return code !== exitCodes.done && (code < 128 || code === 130 || code === 143);
}

/** What is to be said of a failure that the first worker has not told of, for nobody sees what the others say. */
function complaintOf(ended: readonly Ended[], workers: number): string {
  const tellers = ended.filter(hasSaidWhy);
  if (tellers.some(({ rank }) => rank === 0)) return "";
  const complaint = tellers.find(({ complaints }) => complaints)?.complaints;
  if (complaint) return complaint;
  const lost = ended.find(({ signal }) => signal);
  if (!lost) return "";
  return `error: worker ${lost.rank} of ${workers} (process ${lost.pid}) was ended by ${lost.signal}\n`;
}

/**
 * The code of all: that a worker was lost, unless those that ended by themselves say what else was wrong. Where the first
 * one is done, the run is complete, whatever became of the others.
 */
function codeOf(ended: readonly Ended[]): number {
  if (ended.some(({ rank, code }) => rank === 0 && code === exitCodes.done)) return exitCodes.done;
  const codes = ended.filter(hasSaidWhy).map(({ code }) => code);
  return codes.find((code) => code !== exitCodes.worker) ?? exitCodes.worker;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (typeof address === "object" && address !== null) return address.port;
  throw new TypeError("expected a port");
}
