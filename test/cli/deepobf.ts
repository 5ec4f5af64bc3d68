// Runs the real command, two at a time: each start costs about half a second of a processor.
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** What a command left when it ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** The folder of the package; the repository by default. */
  readonly home?: string;
  /** Shell redirections, such as `> /dev/full`. */
  readonly redirect?: string;
  /** Sends this signal when stderr matches. */
  readonly interrupt?: { readonly signal: NodeJS.Signals; readonly when: RegExp };
}

const most = 2;
const waiting: (() => void)[] = [];
let running = 0;

/** Runs `deepobf` with these arguments and gives how it ended. */
export async function deepobf(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
  running++;
  try {
    return await run(args, options);
  } finally {
    running--;
    waiting.shift()?.();
  }
}

function run(args: readonly string[], options: RunOptions): Promise<Ended> {
  const { cwd, environment, home = root, redirect = "", interrupt } = options;
  const command = [process.execPath, join(home, "bin", "deepobf.js"), ...args];
  const child = spawn("/bin/sh", ["-c", `exec "$@" ${redirect}`, "sh", ...command], {
    cwd,
    env: { ...process.env, ...environment },
  });
  let [stdout, stderr, interrupted] = ["", "", false];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    if (!interrupt || interrupted || !interrupt.when.test(stderr)) return;
    interrupted = true;
    child.kill(interrupt.signal);
  });
  child.stdin.end();
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
