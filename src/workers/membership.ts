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
  /**
   * How often the launcher has begun again, where its store stays and each attempt must meet anew. Hosts may count
   * otherwise; where the first worker offers the store, that is a new one, and the count is 0.
   */
  readonly attempt: number;
  /** The network interface that connects the workers; empty where the route to the first one decides. */
  readonly networkInterface: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const patienceVariable = ["DEEPOBF_WORKER_TIMEOUT", { from: 1, to: 86_400, usual: 30 }] as const;

/** Seconds without a sign of life after which a worker is given up. Throws UsageError. */
export function patienceOf(environment: Environment): number {
  const patience = wholeNumberOf(environment, ...patienceVariable);
  if (typeof patience === "string") throw new UsageError(patience);
  return patience;
}

/** The membership that the environment tells; undefined where this process works alone. Throws UsageError. */
export function membership(environment: Environment = process.env): Membership | undefined {
  const complaints: string[] = [];
  const read = (name: string, range: Range): number => {
    const value = wholeNumberOf(environment, name, range);
    if (typeof value === "number") return value;
    complaints.push(value);
    return range.from;
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
    attempt: isLaunchersStore
      ? read("TORCHELASTIC_RESTART_COUNT", { from: 0, to: 1e6, usual: 0 })
      : 0,
    patience: read(...patienceVariable),
    networkInterface: environment.GLOO_SOCKET_IFNAME ?? "",
  };
  if (found.host === "") complaints.push("MASTER_ADDR: expected a host, received nothing");
  if (complaints.length === 0) return found;
  throw new UsageError(
    `the environment of a worker is incomplete:\n  ${complaints.join("\n  ")}\n` +
      "A launcher sets it (docs/workers.md); for workers on this machine alone: --workers N, without WORLD_SIZE",
  );
}

/** Whether this process is a worker that another one speaks for. */
export function isSilent(): boolean {
  return (membership()?.rank ?? 0) > 0;
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly usual?: number;
}

const mostWorkers = 4096;

/** A whole number of the environment, or what is wrong with it. */
function wholeNumberOf(
  environment: Environment,
  name: string,
  { from, to, usual }: Range,
): number | string {
  const text = environment[name] || (usual === undefined ? "" : String(usual));
  const value = Number(text);
  if (text !== "" && Number.isInteger(value) && value >= from && value <= to) return value;
  const received = text === "" ? "nothing" : `"${text}"`;
  return `${name}: expected a whole number from ${from} to ${to}, received ${received}`;
}
