// Runs a long job for the command line: its progress goes to stderr, and a signal stops it properly.
import type { JobHooks } from "../train/progress.ts";
import { Progress } from "./progress.ts";

const exitCodeOf = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Runs a job. The first SIGINT or SIGTERM asks it to end after the step, with a checkpoint; the second
 * ends the process at once.
 */
export async function runJob<T>(job: (hooks: JobHooks) => Promise<T>): Promise<T> {
  const progress = new Progress(process.stderr);
  const controller = new AbortController();
  const stop = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      progress.close();
      process.exit(exitCodeOf[signal as keyof typeof exitCodeOf]);
    }
    progress.show({
      type: "message",
      text: `${signal}: stopping after this step with a checkpoint; once more to stop at once`,
    });
    controller.abort(signal);
  };
  const signals = Object.keys(exitCodeOf) as NodeJS.Signals[];
  for (const signal of signals) process.on(signal, stop);
  try {
    return await job({ onProgress: progress.show, signal: controller.signal });
  } finally {
    for (const signal of signals) process.removeListener(signal, stop);
    progress.close();
  }
}
