// The results of attack runs, as their folders hold them.
import { basename, join, resolve } from "node:path";
import { shorten } from "../text.ts";
import { isMissing, type Missing, readJson } from "./missing.ts";
import type { Part } from "./reportForm.ts";
import { attackForm } from "./runForms.ts";

/** What the attack runs in these folders found; missing where there are none, or one cannot be read. */
export async function readAttacks(folders: readonly string[]): Promise<Part<"attacks"> | Missing> {
  if (folders.length === 0) {
    return {
      missing:
        "no attack was run on this file; deepobf report RUN --attacks DIR shows those that are",
    };
  }
  const runs: Part<"attacks">["runs"] = [];
  for (const folder of folders) {
    const name = shorten(basename(resolve(folder)));
    const attack = await readJson(join(folder, "summary.json"), attackForm);
    if (isMissing(attack)) return { missing: `${name}: ${attack.missing}` };
    const arms = attack.arms.map((arm) => ({
      ...arm,
      ...{ arm: shorten(arm.arm), method: shorten(arm.method) },
    }));
    runs.push({ ...attack, kind: shorten(attack.kind), arms, name });
  }
  return { runs };
}
