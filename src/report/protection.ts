// What the shipped file stops and what it does not, in the words of docs/trust.md, with the run's figures where it
// has some.
import { plainPercent, points } from "../numbers.ts";
import { isMissing } from "./missing.ts";
import type { AttackRun, Report } from "./reportForm.ts";
import { isExtraction } from "./runForms.ts";

/**
 * Both lists for a run; what attack runs measured is said where there are any. `kept` counts the convolutions of the
 * original that lie behind the boundary.
 */
export function protectionOf({
  attacks,
  kept,
}: Pick<Report, "attacks"> & { readonly kept: number }): Report["protection"] {
  const runs = isMissing(attacks) ? [] : attacks.runs;
  const before = kept > 0 ? " before the boundary" : "";
  return {
    stops: [
      `Reading the original's architecture${before}: its blocks, branches, depth, widths and names are not in the file.`,
      `Taking the original's extractor${before}: none of its weights are in the file; the chain's were learned.`,
      "Matching weights by their order or scale: channels are permuted and rescaled, batch norms folded, unless a warning says otherwise.",
    ],
    remains: [
      ...(kept > 0
        ? [
            `Taking the ${kept} convolutions behind the boundary: they are the original's own, as they are.`,
          ]
        : []),
      "Running it. Whoever has the file has the function.",
      `Copying it by its answers: another network can be trained on them. ${sayGains(runs.filter(isExtraction))}`,
      `Fine-tuning it for other classes. ${sayGains(runs.filter((run) => !isExtraction(run)))}`,
      "Seeing the original's classifier: its linear layers and the size of the last feature map.",
      "Guessing: how often the image is halved, and roughly what the original costs, show in the chain.",
      "The rest of the run's folder, this report included, describes the original. Ship model.onnx alone.",
    ],
  };
}

function sayGains(runs: readonly AttackRun[]): string {
  const sentences = runs.flatMap((run) => run.headStart.map((gain) => sayGain(run, gain)));
  return sentences.join(" ") || "How much that is worth was not measured for this run.";
}

function sayGain(
  run: AttackRun,
  { budget, original, obfuscated }: AttackRun["headStart"][number],
): string {
  const [chain, before] = [obfuscated.mean, original.mean].map((value) => points(value / 100, 1));
  const attack = `In the attack "${run.kind}" with ${plainPercent(budget)} of the pirate's data`;
  return isExtraction(run)
    ? `${attack} its answers are worth ${chain} points over true labels in the chain's architecture, ${before} in the original's.`
    : `${attack} the chain is worth ${chain} points over random weights, the original ${before}.`;
}
