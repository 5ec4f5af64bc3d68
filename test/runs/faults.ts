// A file system that fails when it is told to. A test file puts it in the place of the real one:
// vi.mock("node:fs/promises", async (original) => faulty(await original())).
import type { FileHandle } from "node:fs/promises";

type Files = typeof import("node:fs/promises");

/** Calls that can fail, and how often each was made since `arm`. */
let countdown = Number.POSITIVE_INFINITY;
let code = "";
let fired = "";

/** Lets the n-th call from now on fail, from 1; and what was written by a failing write is half of it. */
export function arm(n: number, error: string): void {
  [countdown, code, fired] = [n, error, ""];
}

/** Ends the faults; gives the call that failed, or "" where there were not so many. */
export function disarm(): string {
  countdown = Number.POSITIVE_INFINITY;
  return fired;
}

function check(call: string, path: unknown): void {
  if (--countdown !== 0) return;
  fired = `${call} ${String(path)}`;
  throw Object.assign(new Error(`${code}: ${fired}`), { code, syscall: call, path });
}

export function faulty(real: Files): Files {
  const wrap = <Name extends "mkdir" | "rename">(name: Name) =>
    (async (...args: [string, ...never[]]) => {
      check(name, args[0]);
      return (real[name] as (...rest: unknown[]) => Promise<unknown>)(...args);
    }) as unknown as Files[Name];
  const open: Files["open"] = async (path, ...rest) => {
    check("open", path);
    return wrapHandle(await real.open(path, ...rest), String(path));
  };
  return {
    ...real,
    open,
    mkdir: wrap("mkdir"),
    rename: wrap("rename"),
  };
}

function wrapHandle(handle: FileHandle, path: string): FileHandle {
  const { writeFile, sync, truncate } = handle;
  handle.writeFile = async (data: Uint8Array | string) => {
    try {
      check("write", path);
    } catch (error) {
      const bytes = Buffer.from(data as string);
      await writeFile.call(handle, bytes.subarray(0, bytes.length / 2));
      throw error;
    }
    await writeFile.call(handle, data);
  };
  handle.truncate = async (length) => {
    check("truncate", path);
    await truncate.call(handle, length);
  };
  handle.sync = async () => {
    check("fsync", path);
    await sync.call(handle);
  };
  return handle;
}
