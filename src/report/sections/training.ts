// How the chain learned: the parts of its loss, the rate and the speed, by epoch.
import { significant } from "../../numbers.ts";
import { html, type Markup } from "../html.ts";
import { lineChart, type Series } from "../lineChart.ts";
import { isMissing } from "../missing.ts";
import { renderMissing, type Section, scrollable } from "../page.ts";
import type { Part, Report } from "../reportForm.ts";

type Training = Part<"training">;

const explanations: Readonly<Record<string, string>> = {
  loss: "loss: the weighted sum of the parts, which is what gets smaller by training",
  feature: "feature: distance of the feature maps from the original's",
  label: "label: cross entropy with the labels",
  distillation: "distillation: divergence from the original's softened answers",
};

export function trainingSection({ training }: Report): Section {
  const section = { id: "training", title: "How it learned" };
  if (isMissing(training)) return { ...section, content: renderMissing(training) };
  return { ...section, content: renderTraining(training) };
}

/** The curves of a training, for a report and for the live view. */
export function renderTraining(training: Training): Markup {
  const { epochs, unreadableLines } = training;
  const last = epochs.at(-1)!;
  // A stage that ends within an epoch has a line of its own for its part.
  const done = new Set(epochs.map(({ epoch }) => epoch)).size;
  const seconds = epochs.reduce((sum, epoch) => sum + epoch.seconds, 0);
  const losses = lossSeries(training);
  const ofLast = epochs.filter(({ stage }) => stage === last.stage);
  const [first, final] = [ofLast[0]!.losses.loss, last.losses.loss];
  const whose = ofLast.length === epochs.length ? "The loss" : `The loss of “${last.stage}”`;
  const fell =
    first !== undefined && final !== undefined
      ? ` ${whose} went from ${significant(first)} to ${significant(final)}.`
      : "";
  const damaged =
    unreadableLines > 0
      ? html`<p class="warning">${unreadableLines} lines of metrics.jsonl cannot be read and are left out.</p>`
      : undefined;
  return html`<p class="lead">${done} of ${last.epochs} epochs, ${significant(seconds / done)} s each.${fell}</p>
${damaged}
<figure><figcaption>Loss and its parts, mean of each epoch</figcaption>${scrollable("Chart of the losses", lineChart(losses, { label: "Loss and its parts by epoch", x: "epoch", y: "loss" }))}
<ul class="legend">${losses.flatMap(({ name }) => (Object.hasOwn(explanations, name) ? [html`<li>${explanations[name]}</li>`] : []))}</ul></figure>
<div class="pair">
${rateChart(training)}
${small("Images learned from a second", [{ name: "images/s", points: pointsOf(training, ({ imagesPerSecond }) => imagesPerSecond) }], "images/s")}
</div>`;
}

function rateChart({ epochs, learningRate }: Training): Markup {
  const points = epochs.flatMap(({ epoch, rate }) =>
    rate === undefined ? [] : [{ x: epoch, y: rate * learningRate }],
  );
  if (points.length === 0) {
    return renderMissing({
      missing: "the learning rate, which the version that made the run did not write down",
    });
  }
  return small("Learning rate at the end of each epoch", [{ name: "rate", points }], "rate");
}

function small(caption: string, series: readonly Series[], y: string): Markup {
  const chart = lineChart(series, { label: caption, x: "epoch", y, width: 440, height: 220 });
  return html`<figure><figcaption>${caption}</figcaption>${scrollable(caption, chart)}</figure>`;
}

/** A line for each part of the loss, the sum first. */
function lossSeries(training: Training): Series[] {
  const names = new Set(training.epochs.flatMap(({ losses }) => Object.keys(losses)));
  const ordered = ["loss", ...[...names].filter((name) => name !== "loss")].slice(0, 5);
  return ordered.map((name) => ({
    name,
    points: training.epochs.flatMap(({ epoch, losses }) =>
      Object.hasOwn(losses, name) ? [{ x: epoch, y: losses[name]! }] : [],
    ),
  }));
}

function pointsOf({ epochs }: Training, y: (epoch: Training["epochs"][number]) => number) {
  return epochs.map((each) => ({ x: each.epoch, y: y(each) }));
}
