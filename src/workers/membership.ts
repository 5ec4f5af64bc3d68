// Which of several workers this process is, as launchers say it: torchrun, Kubernetes' training operator and Slurm's
// batch files set RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT
// (https://docs.pytorch.org/docs/stable/elastic/run.html, "Environment Variables").
import { UsageError } from "../errors.ts";
import type { Meeting } from "../torch/index.ts";

/** A process's place among the workers of a training, and where they meet. */
export interface Membership extends Omit<Meeting, "prefix"> {
  /** The place among the workers of this machine, which chooses the CUDA device. */
  readonly localRank: number;
  /** How many of the workers this machine has. */
  readonly localSize: number;
  /** Whether a launcher offers the store where all meet. */
  readonly isLaunchersStore: boolean;
  /** How often the launcher has begun again: each attempt meets anew. */
  readonly attempt: number;
  /** The network interface that connects the workers; empty where the route to the first one decides. */
  readonly networkInterface: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Seconds without a sign of life after which a worker is given up, where DEEPOBF_WORKER_TIMEOUT does not say it. */
export const usualPatience = 30;

/** The membership that the environment tells; undefined where this process works alone. Throws UsageError. */
export function membership(environment: Environment = process.env): Membership | undefined {
  const complaints: string[] = [];
  const read = (name: string, { from, to, usual }: Range): number => {
    const text = environment[name] || (usual === undefined ? "" : String(usual));
    const value = Number(text);
    if (text !== "" && Number.isInteger(value) && value >= from && value <= to) return value;
    const what = `a whole number from ${from} to ${to}`;
    complaints.push(`${name}: expected ${what}, received ${text === "" ? "nothing" : `"${text}"`}`);
    return from;
  };
  const size = read("WORLD_SIZE", { from: 1, to: mostWorkers, usual: 1 });
  if (size === 1 && complaints.length === 0) return undefined;
  const rank = read("RANK", { from: 0, to: size - 1 });
  const isLaunchersStore = environment.TORCHELASTIC_USE_AGENT_STORE === "True";
  const found = {
    rank,
    size,
    host: environment.MASTER_ADDR ?? "",
    localRank: read("LOCAL_RANK", { from: 0, to: mostWorkers, usual: 0 }),
    localSize: read("LOCAL_WORLD_SIZE", { from: 1, to: size, usual: 1 }),
    port: read("MASTER_PORT", { from: 1, to: 65_535 }),
    isLaunchersStore,
    isServer: rank === 0 && !isLaunchersStore,
    attempt: read("TORCHELASTIC_RESTART_COUNT", { from: 0, to: 1e6, usual: 0 }),
    patience: read("DEEPOBF_WORKER_TIMEOUT", { from: 1, to: 86_400, usual: usualPatience }),
    networkInterface: environment.GLOO_SOCKET_IFNAME ?? "",
  };
  if (found.host === "") complaints.push("MASTER_ADDR: expected a host, received nothing");
  if (complaints.length === 0) return found;
  throw new UsageError(
    `the environment of a worker is incomplete:\n  ${complaints.join("\n  ")}\n` +
      "A launcher sets it (docs/workers.md); for workers on this machine alone: --workers N, without WORLD_SIZE",
  );
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly usual?: number;
}

const mostWorkers = 4096;
