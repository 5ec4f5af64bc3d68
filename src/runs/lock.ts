// One process at a time works on a folder. It holds flock(2) on a file in it, which the kernel keeps: that holds
// across containers, over NFS across machines, and ends with the process, however that ends. A heartbeat would
// need clocks that agree and a wait after every crash; a process number means nothing in another container.
import { type FileHandle, readdir, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ResourceError, UsageError } from "../errors.ts";
import { throwCannotWrite } from "../systemErrors.ts";
import { escapeInvisible, shorten } from "../text.ts";
import { lockFile } from "../torch/index.ts";
import { openOwn, readOwn, unlessMissing } from "./ownFiles.ts";

const lockName = "lock";

/**
 * Runs `body` while no other process works on this folder, without what a killed one left behind. Throws UsageError
 * where another one is at work, ResourceError where the file system has no locks or cannot be written.
 */
export async function whileLocked<T>(directory: string, body: () => Promise<T>): Promise<T> {
  const path = join(directory, lockName);
  await using lock = await takeLock(path);
  try {
    await begin(lock, directory).catch(throwCannotWrite(path));
    return await body();
  } finally {
    await rm(path, { force: true }); // while it is still held
  }
}

/** Says who works on the folder, and removes what a killed process was writing there. */
async function begin(lock: FileHandle, directory: string): Promise<void> {
  await lock.truncate();
  await lock.writeFile(`process ${process.pid} on ${hostname()}\n`);
  for (const name of await readdir(directory)) {
    if (name.endsWith(".tmp")) await rm(join(directory, name), { recursive: true, force: true });
  }
}

/** The lock file, open and locked. */
async function takeLock(path: string): Promise<FileHandle> {
  for (;;) {
    const file = await openOwn(path, "lock").catch(throwCannotWrite(path));
    try {
      if (!isFree(file, path)) throw await occupied(path);
      // One whose holder removed it meanwhile, at its end, keeps nobody out.
      const [own, there] = [await file.stat(), await stat(path).catch(unlessMissing)];
      if (own.ino === there?.ino) return file;
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
  }
}

/** The process of this machine that works on a folder, where one does. */
export async function holderOf(directory: string): Promise<number | undefined> {
  const path = join(directory, lockName);
  const text = (await readOwn(path, 1000).catch(() => undefined))?.toString("utf8") ?? "";
  const [, pid, host] = /^process ([1-9]\d{0,9}) on (.*)\n$/.exec(text) ?? [];
  if (pid === undefined || host !== hostname()) return undefined;
  return (await hasOpen(Number(pid), path)) ? Number(pid) : undefined;
}

/** Whether a process has a file open: to try the lock would keep out who wants it at that moment. */
async function hasOpen(pid: number, path: string): Promise<boolean> {
  const wanted = await stat(path).catch(unlessMissing);
  const folder = `/proc/${pid}/fd`;
  for (const name of await readdir(folder).catch(() => [])) {
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (wanted && found?.ino === wanted.ino && found.dev === wanted.dev) return true;
  }
  return false;
}

function isFree({ fd }: FileHandle, path: string): boolean {
  try {
    return lockFile(fd);
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new ResourceError(
      `the file system of ${escapeInvisible(path)} has no locks (${reason}), so that two processes could train in ` +
        "one folder; choose a folder on another one",
      { cause },
    );
  }
}

async function occupied(path: string): Promise<UsageError> {
  const read = async () =>
    (await readOwn(path, 1000).catch(() => undefined))?.toString("utf8").trim();
  let holder = await read();
  // Who has just taken the lock may not have written yet who it is.
  for (let tries = 0; holder === "" && tries < 20; tries++) {
    await sleep(50);
    holder = await read();
  }
  const who = holder ? shorten(escapeInvisible(holder)) : "another process";
  const folder = escapeInvisible(join(path, ".."));
  return new UsageError(`${who} is working on ${folder}; wait for it or stop it`);
}
