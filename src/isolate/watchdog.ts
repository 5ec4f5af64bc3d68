// Ends this process when its parent is gone or its time is up, also while it computes: the main thread is then
// blocked and notices nothing, so a thread of its own looks.
import { Worker } from "node:worker_threads";

/** The signal by which a process ends itself when its time is up. */
export const timeIsUp = "SIGVTALRM";

/** A second counts as much as the process computed in it, but at least this share: idle processes end as well. */
const leastShare = 0.1;

/** Seconds that the process has for ending itself, after which its parent does. */
const grace = 5;

/** Most milliseconds on the wall that a process may take for what it has so many seconds for. */
export function mostMilliseconds(seconds: number): number {
  return 1000 * (seconds / leastShare + grace);
}

/**
 * What the thread runs: twice a second, the parent is compared with the first one, the clock with the deadline.
 * The clock counts what the processor was given to this process, so that it goes slowly on a busy machine.
 */
const script = `
  const { workerData: { parent, times, leastShare, timeIsUp } } = require("node:worker_threads");
  const [clock, deadline] = [0, 1];
  const computed = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6; };
  let before = { wall: performance.now() / 1000, computed: computed() };
  setInterval(() => {
    const now = { wall: performance.now() / 1000, computed: computed() };
    const passed = now.wall - before.wall;
    times[clock] += Math.min(passed, Math.max(leastShare * passed, now.computed - before.computed));
    before = now;
    if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
    if (times[clock] > times[deadline]) process.kill(process.pid, timeIsUp);
  }, 500);`;

/** One for a process that startLimited started. */
export class Watchdog {
  /** Seconds of the clock, which the thread counts, and its deadline. */
  readonly #times = new Float64Array(new SharedArrayBuffer(16));
  /** Resolves once the thread looks. */
  readonly ready: Promise<void>;

  constructor() {
    this.#times[1] = Number.POSITIVE_INFINITY;
    process.on("disconnect", () => process.exit());
    const workerData = {
      parent: Number(process.argv[2]),
      times: this.#times,
      leastShare,
      timeIsUp,
    };
    const worker = new Worker(script, { eval: true, workerData });
    this.ready = new Promise((resolve) => worker.once("online", resolve));
    worker.unref();
  }

  /** Gives what comes next this many seconds of processor time, from now on. */
  allow(seconds: number): void {
    this.#times[1] = this.#times[0]! + seconds;
  }
}
