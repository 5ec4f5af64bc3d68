// The verdict: three sentences that a reader who stops there should have read.
import { percent, points, significant } from "../numbers.ts";
import { isMissing, type Missing } from "./missing.ts";
import type { Architecture, Part } from "./reportForm.ts";
import type { Summary } from "./runForms.ts";

/** Accuracy, speed, and what is hidden and what is not; `kept` as protectionOf has it. */
export function verdictOf(
  summary: Summary,
  { kept, original }: { readonly kept: number; readonly original: Architecture | Missing },
): Part<"verdict"> {
  return {
    accuracy: sayAccuracy(summary),
    speed: saySpeed(summary),
    hiding: sayHiding(summary, kept, original),
  };
}

function sayAccuracy({ original, obfuscated, verify }: Summary): string {
  const { samples, agreement, paired } = verify;
  const alike = `gives the original's answer on ${percent(agreement, 1)}`;
  if (original.accuracy === null || obfuscated.accuracy === null) {
    return `The chain ${alike} of ${samples} images to judge by; how many of these answers are right is not known, since the images have no labels.`;
  }
  const difference = obfuscated.accuracy - original.accuracy;
  const amount = `${points(Math.abs(difference)).slice(1)} points`;
  const compared =
    difference === 0
      ? "as many as the original"
      : `${amount} ${difference > 0 ? "more" : "less"} than the original`;
  const chance =
    paired && paired.pValue > 0.05 && difference !== 0 ? ", a difference that may be chance" : "";
  return `The chain is right on ${percent(obfuscated.accuracy, 1)} of ${samples} images to judge by, ${compared}${chance}, and ${alike}.`;
}

function saySpeed({ original, obfuscated }: Summary): string {
  const one = obfuscated.latencyMs.batch1 / original.latencyMs.batch1;
  const many = obfuscated.latencyMs.batch64 / original.latencyMs.batch64;
  const share = (ratio: number) => `${significant(ratio)} of the original's time`;
  const judged =
    one < 1 && many < 1
      ? "It is faster"
      : one < 1 || many < 1
        ? "It is not always faster"
        : "It is slower";
  return `${judged}: it takes ${share(one)} for one image and ${share(many)} for 64 at once.`;
}

function sayHiding(
  { original, obfuscated }: Summary,
  kept: number,
  shown: Architecture | Missing,
): string {
  const behind = kept > 0 ? `, and ${kept} of the original's own behind them,` : "";
  const joins = isMissing(shown) ? 0 : shown.joins;
  const places =
    joins === 0 ? "" : ` and ${joins} ${joins === 1 ? "place" : "places"} where branches meet`;
  return (
    `The file shows ${obfuscated.convolutions - kept} convolutions in a row${behind} in place of the original's ` +
    `${original.convolutions}${places}; it does not hide what the model answers, nor its classifier, and it can be copied and fine-tuned.`
  );
}
