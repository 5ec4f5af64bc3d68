// The table of both models.
import { html } from "../html.ts";
import { isMissing } from "../missing.ts";
import { count, percent, short, significant } from "../numbers.ts";
import { renderMissing, renderTable, type Section } from "../page.ts";
import type { Part, Report } from "../reportForm.ts";

type Models = Part<"models">;
type Measured = Pick<Models["original"], "accuracy" | "bytes" | "latencyMs">;

export function modelsSection({ models }: Report): Section {
  const section = { id: "models", title: "Both models in numbers" };
  if (isMissing(models)) return { ...section, content: renderMissing(models) };
  const { verify, warnings } = models;
  const content = html`<p class="lead">Measured in ONNX Runtime with the files themselves, on all ${count(verify.samples)} test images, one view of each. Times are medians on the machine of the run.</p>
${warnings.map((text) => html`<p class="warning">${text}.</p>`)}
${renderFigures(models)}
${verify.paired ? html`<p>${count(verify.paired.onlyFirst)} images are classified rightly by the original alone, ${count(verify.paired.onlySecond)} by the chain alone. Between models that are equally good, a difference at least as large has a probability of ${percent(verify.paired.pValue)} (McNemar's test).</p>` : undefined}`;
  return { ...section, content };
}

function renderFigures({ original, obfuscated, quantized = {}, verify }: Models) {
  const others = Object.entries(quantized);
  const measured: Measured[] = [original, obfuscated, ...others.map(([, figures]) => figures)];
  const agreements = [verify.agreement, ...others.map(([, { agreement }]) => agreement)];
  const none = others.map(() => "–");
  const accuracy = ({ accuracy }: Measured) =>
    accuracy === null ? "unknown" : percent(accuracy, 2);
  const interval = ({ accuracyInterval: [least, most] }: Models["original"]) =>
    least === null || most === null
      ? "unknown"
      : `${percent(least).slice(0, -2)} to ${percent(most)}`;
  const both = (show: (figures: Models["original"]) => string) => [
    show(original),
    show(obfuscated),
    ...none,
  ];
  return renderTable({
    label: "Figures of both models",
    head: ["", "original", "shipped chain", ...others.map(([name]) => `chain, ${name}`)],
    rows: [
      ["accuracy", ...measured.map(accuracy)],
      ["95 % interval", ...both(interval)],
      ["same answer as the original", "–", ...agreements.map((share) => percent(share, 2))],
      ["convolutions", ...both(({ convolutions }) => String(convolutions))],
      ["parameters", ...both(({ parameters }) => short(parameters))],
      ["multiply-accumulates an image", ...both(({ macs }) => short(macs))],
      [
        "size of the file",
        ...measured.map(({ bytes }) => `${short(bytes)}B`.replace(/(\d)B$/, "$1 B")),
      ],
      ["time for 1 image", ...measured.map((each) => `${significant(each.latencyMs.batch1)} ms`)],
      [
        "time for 64 images",
        ...measured.map((each) => `${significant(each.latencyMs.batch64)} ms`),
      ],
    ],
  });
}
