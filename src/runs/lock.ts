// One process at a time works on a folder. A lock is a file whose name tells which process holds it.
import { open, readdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { UsageError } from "../errors.ts";
import { cannotWrite } from "../files.ts";

const lockPrefix = "lock-";

/**
 * Runs `body` while no other process works on this folder, without what a killed one left behind.
 * Throws UsageError where another one is at work.
 */
export async function whileLocked<T>(directory: string, body: () => Promise<T>): Promise<T> {
  const path = join(directory, `${lockPrefix}${await identify(process.pid)}`);
  const lock = await open(path, "wx").catch((error) => {
    if (error.code === "EEXIST") throw occupied(directory, process.pid);
    throw cannotWrite(path, error);
  });
  await lock.close();
  try {
    // Every process makes its own lock before it looks for others, so that of two at least one gives way.
    await removeRemains(directory, basename(path));
    return await body();
  } finally {
    await rm(path, { force: true });
  }
}

/** The process that works on a folder, where one does. */
export async function holderOf(directory: string): Promise<number | undefined> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter((each) => each.startsWith(lockPrefix))) {
    const holder = name.slice(lockPrefix.length);
    const pid = Number.parseInt(holder, 10);
    if (Number.isSafeInteger(pid) && pid > 0 && (await identify(pid)) === holder) return pid;
  }
  return undefined;
}

/** Removes temporary files and the locks of dead processes. Throws UsageError where one lives. */
async function removeRemains(directory: string, ownLock: string): Promise<void> {
  const names = await readdir(directory);
  for (const name of names.filter((each) => each.startsWith(lockPrefix) && each !== ownLock)) {
    const holder = name.slice(lockPrefix.length);
    const pid = Number.parseInt(holder, 10);
    if ((await identify(pid)) === holder) throw occupied(directory, pid);
    await rm(join(directory, name), { force: true });
  }
  for (const name of names.filter((each) => each.endsWith(".tmp"))) {
    await rm(join(directory, name), { recursive: true, force: true });
  }
}

function occupied(directory: string, pid: number): UsageError {
  return new UsageError(`process ${pid} is working on ${directory}; wait for it or stop it`);
}

/** A living process as "PID-START", where START is when it began; undefined where it is dead. */
async function identify(pid: number): Promise<string | undefined> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // One that may not be signalled lives: it is another user's.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return undefined;
  }
  // proc(5): the 3rd field is the state, the 22nd the start, counted after the name, which may hold spaces.
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : `${pid}-${fields[19] ?? ""}`;
}
