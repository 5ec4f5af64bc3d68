// The results of attack runs, as their folders hold them.
import { basename, join, resolve } from "node:path";
import { DataError } from "../errors.ts";
import { sha256Of } from "../files.ts";
import { shorten } from "../text.ts";
import { isMissing, type Missing, readJson } from "./missing.ts";
import type { RunRecord } from "./readRun.ts";
import type { Part } from "./reportForm.ts";
import { attackConfigForm, attackForm } from "./runForms.ts";

/**
 * What the attack runs in these folders found; missing where none are given. Throws DataError where one is no attack, is
 * not done, or was on other files than the run's.
 */
export async function readAttacks(
  folders: readonly string[],
  run: Pick<RunRecord, "config" | "summary">,
): Promise<Part<"attacks"> | Missing> {
  if (folders.length === 0) {
    return {
      missing:
        "no attack was run on this file; deepobf report RUN --attacks DIR shows those that are",
    };
  }
  if (isMissing(run.summary)) return run.summary;
  const attacked = sha256Of(run.config.identity.model, run.summary.obfuscated.sha256);
  const runs: Part<"attacks">["runs"] = [];
  for (const folder of folders) {
    const name = shorten(basename(resolve(folder)));
    const begun = await readJson(join(folder, "config.json"), attackConfigForm);
    if (isMissing(begun)) throw refused(name, begun.missing);
    if (begun.identity.model !== attacked) {
      throw refused(name, "it is an attack on other files than this run's");
    }
    const attack = await readJson(join(folder, "summary.json"), attackForm);
    if (isMissing(attack)) throw refused(name, attack.missing);
    const arms = attack.arms.map((arm) => ({
      ...arm,
      arm: shorten(arm.arm),
      method: shorten(arm.method),
    }));
    runs.push({ ...attack, kind: shorten(attack.kind), arms, name });
  }
  return { runs };
}

function refused(name: string, why: string): DataError {
  return new DataError(`--attacks: ${name}: ${why}; expected the folder of an attack on this run`);
}
