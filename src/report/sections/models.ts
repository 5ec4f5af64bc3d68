// The table of both models.
import { bytes, count, grouped, interval, milliseconds, percent } from "../../numbers.ts";
import { html } from "../html.ts";
import { isMissing } from "../missing.ts";
import { renderMissing, renderTable, type Section } from "../page.ts";
import type { Part, Report } from "../reportForm.ts";

type Models = Part<"models">;
type Measured = Pick<Models["original"], "accuracy" | "bytes" | "latencyMs">;

export function modelsSection({ models }: Report): Section {
  const section = { id: "models", title: "Both models in numbers" };
  if (isMissing(models)) return { ...section, content: renderMissing(models) };
  const { verify, warnings } = models;
  const content = html`<p class="lead">Measured in ONNX Runtime on ${grouped(verify.samples)} images to judge by, one view of each. Times are medians on the machine of the run.</p>
${warnings.map((text) => html`<p class="warning">${text}.</p>`)}
${renderFigures(models)}
${models.quantized?.fp16 ? html`<p>ONNX Runtime computes fp16 in float32 where the processor has no float16 arithmetic. Then its accuracy and agreement are those of weights in float16, and not of activations.</p>` : undefined}
${verify.paired ? html`<p>${grouped(verify.paired.onlyFirst)} images are classified rightly by the original alone, ${grouped(verify.paired.onlySecond)} by the chain alone. Between models that are equally good, a difference at least as large has a probability ${sayChance(verify.paired.pValue)} (McNemar's test).</p>` : undefined}`;
  return { ...section, content };
}

function sayChance(probability: number): string {
  return probability < 0.001 ? "below 0.1 %" : `of ${percent(probability, 1)}`;
}

function renderFigures({ original, obfuscated, quantized = {}, verify }: Models) {
  const others = Object.entries(quantized);
  const measured: Measured[] = [original, obfuscated, ...others.map(([, figures]) => figures)];
  const agreements = [verify.agreement, ...others.map(([, { agreement }]) => agreement)];
  const none = others.map(() => "–");
  const accuracy = ({ accuracy }: Measured) => percent(accuracy);
  const accuracyInterval = (figures: Models["original"]) => interval(figures.accuracyInterval);
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
      ["95 % interval", ...both(accuracyInterval)],
      ["same answer as the original", "–", ...agreements.map((share) => percent(share))],
      ["convolutions", ...both(({ convolutions }) => String(convolutions))],
      ["parameters", ...both(({ parameters }) => count(parameters))],
      ["multiply-accumulates an image", ...both(({ macs }) => count(macs))],
      ["size of the file", ...measured.map((each) => bytes(each.bytes))],
      ["time for 1 image", ...measured.map((each) => milliseconds(each.latencyMs.batch1))],
      ["time for 64 images", ...measured.map((each) => milliseconds(each.latencyMs.batch64))],
    ],
  });
}
