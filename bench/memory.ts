// Resident set of a training process after 20 and after 200 steps, beside that of PyTorch at its best
// (the same malloc settings) for the same work.
import type { Precision } from "../src/engine/index.ts";
import { cpuHasBfloat16 } from "../src/torch/index.ts";
import type { Contestant } from "./contestant.ts";
import { findPython } from "./python.ts";
import { readOptions, report } from "./report.ts";
import { startBest, startOurs } from "./training.ts";

const options = readOptions({ rounds: 1 });
const { threads } = options;
const python = findPython(options.python);
const precisions: Precision[] = cpuHasBfloat16() ? ["f32", "bf16"] : ["f32"];

async function measure(side: Contestant) {
  const { resident: after20 } = await side.ask("20");
  const { resident: after200 } = await side.ask("180");
  side.close();
  return { bytesAfter20Steps: after20, bytesAfter200Steps: after200 };
}

const results: Record<string, object> = {};
for (const precision of precisions) {
  results[precision] = {
    deepobf: await measure(await startOurs(precision, threads)),
    pytorch: await measure(await startBest(python, { precision, threads })),
  };
}
report("memory", options, { results });
