// What the exit codes mean, for help texts.
import { exitCodes } from "../errors.ts";

const meanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  done: "done",
  bug: "a bug in DeepObf",
  usage: "wrong options",
  model: "the model cannot be used",
  data: "the data cannot be used",
  resources: "disk, memory, device or a library is missing or used up",
  diverged: "training diverged",
  gate: "a quality gate was missed",
  worker: "a worker of a data-parallel training is gone",
};

/** The exit codes as lines of a help text; all of them by default. */
export function describeExitCodes(
  names = Object.keys(exitCodes) as readonly (keyof typeof exitCodes)[],
  { endsBySignal = false }: { endsBySignal?: boolean | undefined } = {},
): string {
  const lines = names.map((name) => `  ${exitCodes[name]} ${meanings[name]}`);
  const ofSignals = endsBySignal ? [] : ["  130 or 143 stopped by a signal"];
  return [...lines, ...ofSignals].join("\n");
}
