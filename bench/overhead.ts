// Time of one call of a small operator, and its ratio to Python's PyTorch, measured in turn.

import { fileURLToPath } from "node:url";
import { median } from "../src/averages.ts";
import { Contestant } from "./contestant.ts";
import { readOptions } from "./options.ts";
import { findPython, peerScript } from "./python.ts";
import { report, round } from "./report.ts";

const cases = ["add", "addWithGradient", "relu", "reluWithGradient", "conv", "convWithGradient"];
const calls = 5000;
const warmUpCalls = 30_000;

const options = readOptions({ rounds: 30, threads: 1, more: ["python"] });
const worker = fileURLToPath(new URL("overheadWorker.js", import.meta.url));
const ours = await Contestant.start("deepobf", { command: [process.execPath, worker] });
const python = await Contestant.start("PyTorch", {
  command: [findPython(options.python), peerScript("overhead")],
});

async function microseconds(contestant: Contestant, name: string): Promise<number> {
  const { seconds } = await contestant.ask(`${name} ${calls}`);
  return seconds[0]! * 1e6;
}

const results: Record<string, object> = {};
for (const name of cases) {
  for (const contestant of [ours, python]) await contestant.ask(`${name} ${warmUpCalls}`);
  const times: [ours: number, python: number][] = [];
  for (let turn = 0; turn < options.rounds; turn++) {
    times.push([await microseconds(ours, name), await microseconds(python, name)]);
  }
  results[name] = {
    microseconds: round(median(times.map(([mine]) => mine))),
    pytorchMicroseconds: round(median(times.map(([, theirs]) => theirs))),
    ratio: round(median(times.map(([mine, theirs]) => mine / theirs))),
  };
}
ours.close();
python.close();
report("overhead", options, { limit: { ratio: 1.5 }, results });
