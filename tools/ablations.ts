// Trains variants of the method at equal epochs, and adds what each run printed to records/ablations.jsonl as
// soon as it ends. Runs that are recorded already are left alone, so that a call that was cut off goes on.
//
//     npm run ablations -- ORIGINAL.onnx --data DATA --depth 7 --epochs 3,16 --hold-out 5000 \
//         [--variants direct-joint,recursive-joint] [--seeds 0,1,2] [options of deepobf obfuscate]
//
// The runs' folders lie in runs/ablations/ of the working directory. Then: npm run results.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { ObfuscateSummary } from "../src/index.ts";
import { isRecorded, planTrials, type Trial } from "./ablations/plan.ts";
import { appendRecord, type ChainRun, readRecords, root } from "./records/records.ts";

const trials = planTrials(process.argv.slice(2));
for (const [i, trial] of trials.entries()) {
  const { series, name, depth, epochs, seed } = trial;
  const title = `${series}, depth ${depth}, epochs ${epochs}, ${name}, seed ${seed}`;
  // Read anew each time: another call may work on the same list.
  const known = isRecorded(trial, readRecords().ablations);
  console.error(`${i + 1} of ${trials.length}: ${title}${known ? ": recorded already" : ""}`);
  if (!known) appendRecord(join(root, "records", "ablations.jsonl"), run(trial));
}

/** Runs `deepobf obfuscate`; throws an Error where it fails. */
function run({ series, name, depth, epochs, seed, arguments: given }: Trial): ChainRun {
  const out = join("runs", "ablations", `${series}-${depth}-e${epochs}-${name}-s${seed}`);
  rmSync(out, { recursive: true, force: true }); // of a run that was cut off
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(root, "bin", "deepobf.js"), "obfuscate", ...given, "--out", out, "--json"],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  if (status !== 0) throw new Error(`deepobf obfuscate ended with ${status}`);
  const summary: ObfuscateSummary & { command: string } = JSON.parse(stdout);
  return { series, name, ...summary };
}
