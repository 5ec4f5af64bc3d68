// How much memory this process may have, by what Linux says of the machine and of control groups (cgroups(7)).
import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { dirname, join } from "node:path";

/**
 * Bytes of what large tensors leave that are kept for the next ones: a quarter of what this process may have. Workers of
 * a machine share its memory.
 */
export function memoryToKeep(
  environment: NodeJS.ProcessEnv = process.env,
  limit: number = memoryLimit(),
): number {
  const workers = Number.parseInt(environment.LOCAL_WORLD_SIZE ?? "", 10);
  return Math.floor(Math.min(totalmem(), limit) / 4 / Math.max(1, workers || 1));
}

/**
 * The least limit of the control groups that this process is in, in bytes; infinite where none has one. All groups above
 * its own count, too: Slurm limits a job and its steps, not the groups of their tasks.
 */
export function memoryLimit(root = "/"): number {
  const groups = textOf(join(root, "proc/self/cgroup")).split("\n");
  const limits = groups.map((line) => {
    const [, controllers = "", group = "/"] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    const folder = join(root, "sys/fs/cgroup");
    if (controllers === "") return least(folder, group, "memory.max");
    if (!controllers.split(",").includes("memory")) return Number.POSITIVE_INFINITY;
    return least(join(folder, "memory"), group, "memory.limit_in_bytes");
  });
  return Math.min(...limits);
}

/** The least limit of a group and of those above it. A container may see its own group in the root's place. */
function least(folder: string, group: string, file: string): number {
  const own = Number.parseInt(textOf(join(folder, group, file)), 10) || Number.POSITIVE_INFINITY;
  return group === "/" ? own : Math.min(own, least(folder, dirname(group), file));
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // another system, or a group that has no limit
  }
}
