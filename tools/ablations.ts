// Trains variants of the method at equal epochs, and adds what each run printed to records/ablations.jsonl as
// soon as it ends. Runs that are recorded already are left alone, and one that was cut off goes on where it was.
//
//     npm run ablations -- ORIGINAL.onnx --data DATA --depth 7 --epochs 3,16 --hold-out 5000 \
//         [--variants direct-joint,recursive-joint] [--seeds 0,1,2] [options of deepobf obfuscate]
//
// The runs' folders lie in runs/ablations/ of the working directory. Then: npm run results.
import { join } from "node:path";
import { runObfuscate } from "./ablations/obfuscate.ts";
import { folderOf, isRecorded, planTrials } from "./ablations/plan.ts";
import { appendRecord, readRecords, root } from "./records/records.ts";

const trials = planTrials(process.argv.slice(2));
for (const [i, trial] of trials.entries()) {
  const { series, name } = trial;
  const out = folderOf(trial);
  // Read anew each time: another call may work on the same list.
  const known = isRecorded(trial, readRecords().ablations);
  console.error(`${i + 1} of ${trials.length}: ${out}${known ? ": recorded already" : ""}`);
  if (known) continue;
  const summary = runObfuscate(trial.arguments, out);
  appendRecord(join(root, "records", "ablations.jsonl"), { series, name, ...summary });
}
