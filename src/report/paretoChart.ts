// Runs as dots, accuracy against time, with a line through those that no other one beats in both.
import { cut } from "../text.ts";
import { html, Markup } from "./html.ts";
import { coordinate, drawAxes, margin, padded, range } from "./lineChart.ts";
import { linearScale } from "./scale.ts";

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
  const [width, height, end] = [760, 360, 736];
  const times = candidates.map(({ time }) => time);
  const x = linearScale(padded(...range(times)), [margin.left, end], 7);
  const accuracies = candidates.map(({ accuracy }) => 100 * accuracy);
  const y = linearScale(padded(...range(accuracies)), [height - margin.bottom, margin.top]);
  const front = frontOf(candidates);
  const path = front.map(({ time, accuracy }, i) => {
    const [a, b] = [coordinate(x.at(time)), coordinate(y.at(100 * accuracy))];
    return i === 0 ? `M${a} ${b}` : `H${a}V${b}`;
  });
  const dots = candidates.map((each) => {
    const isBest = front.includes(each);
    const [cx, cy] = [x.at(each.time), y.at(100 * each.accuracy)];
    const isRight = cx > width / 2;
    return html`<circle class="${isBest ? "f0" : "f4"}" cx="${coordinate(cx)}" cy="${coordinate(cy)}" r="${isBest ? 6 : 4}"/><text class="${isRight ? "end" : "start"} ${isBest ? "t0" : "t4"}" x="${coordinate(cx + (isRight ? -11 : 11))}" y="${coordinate(cy + 16)}">${cut(each.name, 28)}</text>`;
  });
  const axis = "time for one image over the original's";
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="Accuracy of each run against its time">
${drawAxes({ x, y }, { x: axis, y: "accuracy, %", height, end })}
<path class="stroke c0" d="${new Markup(path.join(""))}"/>
${dots}
</svg>`;
}
