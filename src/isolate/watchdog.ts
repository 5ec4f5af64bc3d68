// Ends this process when its parent is gone or its time is up, also while it computes: the main thread is then
// blocked and notices nothing, so a thread of its own looks.
import { Worker } from "node:worker_threads";

/** Seconds that the parent has for ending this process itself, and for saying why. */
const grace = 5;

/** What the thread runs: twice a second, the parent is compared with the first one, the clock with the deadline. */
const script = `
  const { workerData: { parent, deadline } } = require("node:worker_threads");
  const end = () => process.kill(process.pid, "SIGKILL");
  setInterval(() => { if (process.ppid !== parent || Date.now() > deadline[0]) end(); }, 500);`;

/** One for a process that startLimited started. */
export class Watchdog {
  readonly #deadline = new Float64Array(new SharedArrayBuffer(8)).fill(Number.POSITIVE_INFINITY);
  /** Resolves once the thread looks. */
  readonly ready: Promise<void>;

  constructor() {
    process.on("disconnect", () => process.exit());
    const workerData = { parent: Number(process.argv[2]), deadline: this.#deadline };
    const worker = new Worker(script, { eval: true, workerData });
    this.ready = new Promise((resolve) => worker.once("online", resolve));
    worker.unref();
  }

  /** Gives what comes next this much time, from now on. */
  allow(seconds: number): void {
    this.#deadline[0] = Date.now() + 1000 * (seconds + grace);
  }
}
