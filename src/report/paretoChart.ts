// Runs as dots, accuracy against time, with a line through those that no other one beats in both.
import { html, Markup } from "./html.ts";
import { padded, place, range } from "./lineChart.ts";
import { linearScale, tickText } from "./scale.ts";

export interface Candidate {
  readonly name: string;
  readonly accuracy: number;
  /** Time for one image over the original's. */
  readonly time: number;
}

/** Those that no other one beats in one of both without being worse in the other, the fastest first. */
export function frontOf(candidates: readonly Candidate[]): Candidate[] {
  const sorted = candidates.toSorted((a, b) => a.time - b.time || b.accuracy - a.accuracy);
  const front: Candidate[] = [];
  for (const each of sorted) {
    if (each.accuracy > (front.at(-1)?.accuracy ?? -1)) front.push(each);
  }
  return front;
}

export function paretoChart(candidates: readonly Candidate[]): Markup {
  const [width, height, left, right, top, bottom] = [760, 360, 60, 24, 28, 318];
  const x = linearScale(
    padded(...range(candidates.map(({ time }) => time))),
    [left, width - right],
    7,
  );
  const accuracies = candidates.map(({ accuracy }) => 100 * accuracy);
  const y = linearScale(padded(...range(accuracies)), [bottom, top]);
  const front = frontOf(candidates);
  const path = front.map(({ time, accuracy }, i) => {
    const [a, b] = [place(x.at(time)), place(y.at(100 * accuracy))];
    return i === 0 ? `M${a} ${b}` : `H${a}V${b}`;
  });
  const dots = candidates.map((each) => {
    const isBest = front.includes(each);
    const [cx, cy] = [x.at(each.time), y.at(100 * each.accuracy)];
    const isRight = cx > width / 2;
    const name = each.name.length > 28 ? `${each.name.slice(0, 27)}…` : each.name;
    return html`<circle class="${isBest ? "f0" : "f4"}" cx="${place(cx)}" cy="${place(cy)}" r="${isBest ? 6 : 4}"/><text class="${isRight ? "end" : "start"} ${isBest ? "t0" : "t4"}" x="${place(cx + (isRight ? -11 : 11))}" y="${place(cy + 16)}">${name}</text>`;
  });
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="Accuracy of each run against its time">
<text class="axis start" x="0" y="12">accuracy, %</text><text class="axis end" x="${width - right}" y="${height - 4}">time for one image over the original's</text>
${y.ticks.map((tick) => html`<line class="grid" x1="${left}" x2="${width - right}" y1="${place(y.at(tick))}" y2="${place(y.at(tick))}"/><text class="axis end" x="${left - 8}" y="${place(y.at(tick) + 4)}">${tickText(tick)}</text>`)}
<line class="base" x1="${left}" x2="${width - right}" y1="${bottom}" y2="${bottom}"/>
${x.ticks.map((tick) => html`<text class="axis middle" x="${place(x.at(tick))}" y="${bottom + 17}">${tickText(tick)}</text>`)}
<path class="stroke c0" d="${new Markup(path.join(""))}"/>
${dots}
</svg>`;
}
