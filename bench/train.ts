// One training step of the reference chain (batch 64) against Python's PyTorch as it comes and at its
// best, in f32 and, where the processor has it, in bf16. Each round lets every side do a few steps.
import { median } from "../src/averages.ts";
import type { Precision } from "../src/engine/index.ts";
import { cpuHasBfloat16 } from "../src/torch/index.ts";
import type { Contestant } from "./contestant.ts";
import { readOptions } from "./options.ts";
import { findPython } from "./python.ts";
import { report, round } from "./report.ts";
import { startBest, startOurs, startPlain } from "./training.ts";

const batch = 64;
const stepsInTurn = 5;

const options = readOptions({ rounds: 8, more: ["python"] });
const { threads } = options;
const python = findPython(options.python);
const precisions: Precision[] = cpuHasBfloat16() ? ["f32", "bf16"] : ["f32"];

const plain = await startPlain(python, threads);
const sides = new Map<string, Contestant>([["pytorch", plain]]);
for (const precision of precisions) {
  sides.set(`${precision}`, await startOurs(precision, threads));
  sides.set(`pytorchBest_${precision}`, await startBest(python, { precision, threads }));
}

const times = new Map<string, number[]>();
for (let turn = 0; turn < options.rounds; turn++) {
  for (const [name, side] of sides) {
    const { seconds } = await side.ask(String(stepsInTurn));
    times.set(name, [...(times.get(name) ?? []), median(seconds)]);
  }
}
for (const side of sides.values()) side.close();

/** How many times faster than the peer, in the median round. */
function speedup(name: string, peer: string): number {
  const [mine = [], theirs = []] = [times.get(name), times.get(peer)];
  return round(median(mine.map((seconds, turn) => theirs[turn]! / seconds)));
}

const results = Object.fromEntries(
  [...times].map(([name, seconds]) => [
    name,
    {
      millisecondsPerStep: round(median(seconds) * 1000),
      fastestRound: round(Math.min(...seconds) * 1000),
      imagesPerSecond: round(batch / median(seconds)),
    },
  ]),
);
const speedups = Object.fromEntries(
  precisions.map((precision) => [
    precision,
    {
      overPytorchAsItComes: speedup(precision, "pytorch"),
      overPytorchAtItsBest: speedup(precision, `pytorchBest_${precision}`),
    },
  ]),
);
report("train", options, { batch, stepsInTurn, results, speedups });
