// The real command with several workers, and what becomes of its processes.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "../cli/deepobf.ts";
import { writeData, writeTiny } from "../obfuscate/tiny.ts";
import { childrenOf } from "../processes.ts";
import { sha256, type Workshop } from "../workshop.ts";

export const program = join(root, "bin", "deepobf.js");

/** Seconds after which a silent worker is given up here. */
export const patience = 15;

export interface Running {
  readonly child: ChildProcess;
  readonly stderr: () => string;
  readonly ended: Promise<{ code: number | null; stderr: string; seconds: number }>;
}

/** Arguments of runs of one step an epoch, with a model and data that are made here. */
export function tinyRuns(path: Workshop): (out: string, ...more: string[]) => string[] {
  const model = writeTiny(path("model.onnx"));
  const data = writeData(path("data"), { train: 64, test: 64 });
  return (out, ...more) => [
    ...["obfuscate", model, "--data", data, "--depth", "3", "--out", out, "--batch-size", "64"],
    ...["--threads", "1", "--precision", "f32", "--accept-original", "--checkpoint-seconds", "0"],
    ...more,
  ];
}

/** Starts a program; `deepobf` by its arguments where no other is named. */
export function start(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  command: readonly string[] = [process.execPath, program],
): Running {
  const began = performance.now();
  const [name = "", ...before] = command;
  const child = spawn(name, [...before, ...args], {
    env: {
      ...process.env,
      DEEPOBF_WORKER_TIMEOUT: String(patience),
      OMP_WAIT_POLICY: "passive",
      ...environment,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (more: string) => {
    text += more;
  });
  const ended = once(child, "close").then(([code]) => {
    return { code, stderr: text, seconds: (performance.now() - began) / 1000 };
  });
  return { child, stderr: () => text, ended };
}

/** Waits until a run has trained so many epochs; gives the numbers of its workers' processes. */
export async function workersAfter(
  epochs: number,
  { child }: Running,
  out: string,
): Promise<number[]> {
  while (child.exitCode === null && (metricsOf(out)?.length ?? 0) < epochs) await sleep(20);
  return childrenOf(child.pid!);
}

/** Waits until a worker, by its place among those of a run, looks at the model, in a process of its own. */
export async function untilLooking({ child, stderr }: Running, worker: number): Promise<void> {
  for (;;) {
    const pid = childrenOf(child.pid!)[worker];
    if (pid !== undefined && childrenOf(pid).length > 0) return;
    if (child.exitCode !== null)
      throw new Error(`expected a run at work, but it said: ${stderr()}`);
    await sleep(5);
  }
}

/** A server that takes connections and never answers. */
export async function silentServer(): Promise<{
  readonly port: number;
  readonly close: () => void;
}> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { port, close: () => void server.close() };
}

/** A port of this machine that nobody listens on. */
export async function freePort(): Promise<number> {
  const { port, close } = await silentServer();
  close();
  return port;
}

/** Whether none of the processes is left. */
export function areGone(processes: readonly number[]): boolean {
  return processes.every((pid) => !existsSync(`/proc/${pid}`));
}

export const modelOf = (out: string) => sha256(join(out, "model.onnx"));

/** The losses of a run's epochs; undefined before the first. */
export function metricsOf(out: string): Record<string, number>[] | undefined {
  const file = join(out, "metrics.jsonl");
  if (!existsSync(file)) return undefined;
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line).losses).filter((losses) => losses !== undefined);
}
