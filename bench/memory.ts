// Resident set of a training process after 20, 200 and 400 steps, beside that of PyTorch at its best
// (the same malloc settings) for the same work.
import type { Precision } from "../src/engine/index.ts";
import { cpuHasBfloat16 } from "../src/torch/index.ts";
import type { Contestant } from "./contestant.ts";
import { readOptions } from "./options.ts";
import { findPython } from "./python.ts";
import { report } from "./report.ts";
import { startBest, startOurs } from "./training.ts";

const options = readOptions({ more: ["python"] });
const { threads } = options;
const python = findPython(options.python);
const precisions: Precision[] = cpuHasBfloat16() ? ["f32", "bf16"] : ["f32"];

/** Bytes by number of steps. */
async function measure(side: Contestant): Promise<Record<number, number>> {
  const resident: Record<number, number> = {};
  let done = 0;
  for (const steps of [20, 200, 400]) {
    resident[steps] = (await side.ask(String(steps - done))).resident;
    done = steps;
  }
  side.close();
  return resident;
}

const results: Record<string, object> = {};
for (const precision of precisions) {
  results[precision] = {
    deepobf: await measure(await startOurs(precision, threads)),
    pytorch: await measure(await startBest(python, { precision, threads })),
  };
}
report("memory", options, { unit: "bytes resident after so many steps", results });
