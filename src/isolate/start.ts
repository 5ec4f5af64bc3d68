// Starts a process for what a file might bring down: with a limit of memory, and a watchdog's needs met.
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { buildCommand } from "../../native/remedies.mjs";
import { ResourceError } from "../errors.ts";

/**
 * Starts a script of Node that may not take all memory, with a channel and with its stderr piped. The script
 * should begin with a Watchdog. `detached` puts it into a process group of its own, where Ctrl-C in a
 * terminal does not reach it. Throws ResourceError where it cannot be started.
 */
export function startLimited(
  script: string,
  { detached = false }: { detached?: boolean } = {},
): ChildProcess {
  const command = [process.execPath, script, String(process.pid)];
  const [program = "", ...args] =
    process.platform === "linux"
      ? ["/bin/sh", "-c", 'ulimit -d "$0" 2>/dev/null; exec "$@"', memoryLimit(), ...command]
      : command;
  const child = spawn(program, args, {
    detached,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    serialization: "advanced",
    // Loaders and inspectors of this process are nothing to the child.
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  if (child.stderr) return child;
  // Without a free file handle Node makes no pipes, and tells of it later.
  child.on("error", () => {});
  throw new ResourceError("cannot start a process: too many files are open in this one");
}

/** The path of a compiled script by its name in package.json, also where this file runs uncompiled. */
export function compiledScript(name: `#${string}`): string {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw new ResourceError(`DeepObf is not built: run ${buildCommand}`, { cause });
  }
}

/** KiB of data that the child may hold: nine tenths of what is free, so that we outlive it. */
function memoryLimit(): string {
  return String(Math.floor((process.availableMemory() * 0.9) / 1024));
}
