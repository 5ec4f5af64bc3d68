// Lines over a common axis, as SVG: told apart by colour, by dashes, and by their names at their ends.
import { largest } from "../lists.ts";
import { cut } from "../text.ts";
import { html, Markup } from "./html.ts";
import { linearScale, logScale, type Scale, thinned, tickText } from "./scale.ts";

export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
  /** Its colour and dashes, 0 to 4; its place among the series by default. */
  readonly look?: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Half the length of the bar that shows how sure y is. */
  readonly spread?: number | undefined;
}

export interface LineChartOptions {
  /** What the chart shows, for those who cannot see it. */
  readonly label: string;
  readonly x: string;
  readonly y: string;
  readonly height?: number;
  readonly width?: number;
  /** Whether x is drawn by its logarithm, with a mark at each value. */
  readonly logarithmic?: boolean;
  readonly formatX?: (x: number) => string;
}

/** Around what is drawn, but on the right. */
export const margin = { left: 56, top: 26, bottom: 40 };
/** Beside the lines: of several, for their names. */
const [rightOfOne, rightOfMany] = [24, 132];
const leastBetweenNames = 15;

/** The chart; the empty one where no series has a point. */
export function lineChart(all: readonly Series[], options: LineChartOptions): Markup {
  const { label, width = 760, height = 280, logarithmic = false } = options;
  const end = width - (all.length > 1 ? rightOfMany : rightOfOne);
  const series = all.map((each) => ({ ...each, points: thinned(each.points) }));
  const points = series.flatMap((each) => each.points);
  const xs = points.map(({ x }) => x);
  const spans = points.flatMap(({ y, spread = 0 }) => [y - spread, y + spread]);
  const right = [margin.left, end] as const;
  const up = [height - margin.bottom, margin.top] as const;
  const x = logarithmic ? logScale(xs, right) : linearScale(range(xs), right, width / 95);
  const [least, most] = range(spans);
  const y = linearScale(padded(Math.min(0, least), most), up);
  const look = (i: number) => series[i]!.look ?? i % 5;
  const lines = series.map((each, i) => drawLine(each, { x, y, look: look(i) }));
  const names = spreadOut(
    series.map(({ points }) => y.at(points.at(-1)?.y ?? 0)),
    leastBetweenNames,
  );
  const labels = series.map(
    ({ name }, i) =>
      html`<text class="start t${look(i)}" x="${end + 10}" y="${coordinate(names[i]! + 4)}">${cut(name, 18)}</text>`,
  );
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">
${drawAxes({ x, y }, { ...options, height, end })}
${lines}
${series.length > 1 ? labels : undefined}
</svg>`;
}

/** The axes with their names and ticks; `end` is the right one of x. */
export function drawAxes(
  { x, y }: { x: Scale; y: Scale },
  options: Pick<LineChartOptions, "x" | "y" | "formatX"> & { height: number; end: number },
): Markup {
  const { height, end: right, formatX = tickText } = options;
  const [left, bottom] = [margin.left, height - margin.bottom];
  return html`<text class="axis start" x="0" y="12">${options.y}</text>
<text class="axis end" x="${right}" y="${height - 4}">${options.x}</text>
${y.ticks.map((tick) => html`<line class="grid" x1="${left}" x2="${right}" y1="${coordinate(y.at(tick))}" y2="${coordinate(y.at(tick))}"/><text class="axis end" x="${left - 8}" y="${coordinate(y.at(tick) + 4)}">${tickText(tick)}</text>`)}
<line class="base" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>
${x.ticks.map((tick) => html`<text class="axis middle" x="${coordinate(x.at(tick))}" y="${bottom + 17}">${formatX(tick)}</text>`)}`;
}

function drawLine(
  { name, points }: Series,
  { x, y, look }: { x: Scale; y: Scale; look: number },
): Markup {
  const path = points.map(
    (point, i) => `${i === 0 ? "M" : "L"}${coordinate(x.at(point.x))} ${coordinate(y.at(point.y))}`,
  );
  const few = points.length <= 40;
  const marks = points.map((point) => {
    const [cx, cy] = [coordinate(x.at(point.x)), coordinate(y.at(point.y))];
    const { spread = 0 } = point;
    const bar =
      spread > 0
        ? html`<path class="stroke c${look}" d="M${cx} ${coordinate(y.at(point.y - spread))}V${coordinate(y.at(point.y + spread))}"/>`
        : undefined;
    return html`${bar}<circle class="f${look}" cx="${cx}" cy="${cy}" r="3"><title>${name}: ${tickText(Number(point.y.toPrecision(4)))} at ${tickText(point.x)}</title></circle>`;
  });
  return html`<path class="stroke c${look} d${look}" d="${new Markup(path.join(""))}"/>${few ? marks : undefined}`;
}

/** Places in their order, moved down where they would be nearer to each other than `least`. */
function spreadOut(places: readonly number[], least: number): number[] {
  const order = places.map((_, i) => i).sort((a, b) => places[a]! - places[b]!);
  const moved = [...places];
  for (let i = 1; i < order.length; i++) {
    const [before, here] = [order[i - 1]!, order[i]!];
    moved[here] = Math.max(moved[here]!, moved[before]! + least);
  }
  return moved;
}

export function range(values: readonly number[]): [number, number] {
  const most = largest(values, Number.NEGATIVE_INFINITY);
  const least = -largest(values.map((value) => -value));
  return Number.isFinite(most) ? [least, most] : [0, 1];
}

/** A little room above, and below where the axis does not begin at 0. */
export function padded(least: number, most: number): [number, number] {
  const room = 0.06 * (most - least || Math.abs(most) || 1);
  return [least === 0 ? 0 : least - room, most + room];
}

/** A coordinate of an SVG image. */
export function coordinate(value: number): string {
  return Number(value.toFixed(1)).toString();
}
