// Shows a job's progress on stderr: on a terminal one live line and a table with a row for each epoch,
// elsewhere plain lines that are not too many.
import { clock, duration } from "../numbers.ts";
import { phases } from "../runs/events.ts";
import type { EpochEvent, ProgressEvent, StepEvent } from "../runs/index.ts";
import { escapeInvisible, printableLines } from "../text.ts";
import { sparkline } from "./render.ts";

/** What is written to: stderr, or a test's stand-in. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

interface ProgressOptions<Description extends object> {
  /** What a job has decided before its training, as people read it. */
  readonly renderPrepared?: (description: Description) => string;
  /** Gives seconds; a test may set its own. */
  readonly now?: () => number;
  /** Whether the bar is coloured on a terminal; by default it is not. */
  readonly coloured?: boolean;
}

const secondsBetweenPlainLines = 10;
const secondsBetweenRedraws = 0.1;
const barWidth = 16;
const eraseLine = "\r\u001b[2K";
const colourBar = "\u001b[36m$&\u001b[39m";

/** Whether colours are wanted: on a terminal, unless NO_COLOR says otherwise (https://no-color.org). */
export function wantsColour(
  { isTTY = false }: Screen,
  { NO_COLOR = "", TERM }: NodeJS.ProcessEnv = process.env,
): boolean {
  return isTTY && NO_COLOR === "" && TERM !== "dumb";
}

/** Renders the events of one job. */
export class Progress<Description extends object = object> {
  readonly #screen: Screen;
  readonly #now: () => number;
  readonly #renderPrepared: (description: Description) => string;
  #live = "";
  #lastShown = Number.NEGATIVE_INFINITY;
  #columns = "";
  readonly #coloured: boolean;
  /** The loss of each epoch of the stage. */
  #losses: number[] = [];
  #stage = "";

  constructor(screen: Screen, options: ProgressOptions<Description> = {}) {
    const { renderPrepared = () => "", now = () => performance.now() / 1000 } = options;
    this.#screen = screen;
    this.#now = now;
    this.#coloured = options.coloured ?? false;
    this.#renderPrepared = renderPrepared;
  }

  /** Shows an event. */
  readonly show = (event: ProgressEvent<Description>): void => {
    if (event.type === "phase") {
      this.close();
      this.line(phases[event.phase]);
    } else if (event.type === "prepared") this.line(this.#renderPrepared(event.description));
    else if (event.type === "note") this.line(event.text);
    else if (event.type === "step") this.#step(event);
    else this.#epoch(event);
  };

  /** Shows text above the live line; nothing where it is empty. */
  line(text: string): void {
    if (text === "") return;
    const live = this.#live;
    this.close();
    this.#screen.write(`${printableLines(text)}\n`);
    if (live !== "") this.#draw(live);
  }

  /** Shows on a terminal how far something is. */
  status(text: string): void {
    if (this.#screen.isTTY && this.#isDue(secondsBetweenRedraws)) this.#draw(text);
  }

  /** Removes the live line, so that other text can follow. */
  close(): void {
    if (this.#live !== "") this.#screen.write(eraseLine);
    this.#live = "";
  }

  #draw(line: string): void {
    // A terminal that does not know its size says 0.
    const width = (this.#screen.columns || 80) - 1;
    this.#live = line.slice(0, width);
    const shown = this.#coloured ? this.#live.replace(/^\[=+/, colourBar) : this.#live;
    this.#screen.write(eraseLine + shown);
  }

  #isDue(pause: number): boolean {
    const now = this.#now();
    if (now - this.#lastShown < pause) return false;
    this.#lastShown = now;
    return true;
  }

  #step(event: StepEvent): void {
    const pause = this.#screen.isTTY ? secondsBetweenRedraws : secondsBetweenPlainLines;
    if (!this.#isDue(pause)) return;
    const { stage, epoch, epochs, step, steps, imagesPerSecond, secondsLeft, losses } = event;
    const parts = [
      `epoch ${epoch}/${epochs}`,
      `step ${step}/${steps}`,
      ...(losses.loss === undefined ? [] : [`loss ${losses.loss.toPrecision(4)}`]),
      `${imagesPerSecond.toFixed(0)} images/s`,
    ].join(", ");
    const left = `${duration(secondsLeft)} left`;
    if (!this.#screen.isTTY) {
      this.line(`${escapeInvisible(stage)}: ${parts}, ${left}`);
      return;
    }
    const done = Math.round((barWidth * step) / Math.max(1, steps));
    const end = Number.isFinite(secondsLeft)
      ? `, ends ${clock(new Date(Date.now() + 1000 * secondsLeft))}`
      : "";
    const bar = `[${"=".repeat(done).padEnd(barWidth)}]`;
    this.#draw(`${bar} ${left}${end}, ${escapeInvisible(stage)}: ${parts}`);
  }

  #epoch(event: EpochEvent): void {
    const { stage, epoch, epochs, losses, imagesPerSecond, seconds } = event;
    const { loss, ...terms } = losses;
    if (stage !== this.#stage) this.#losses = [];
    this.#stage = stage;
    if (loss !== undefined) this.#losses.push(loss);
    const cells: [string, string][] = [
      ["epoch", `${epoch}/${epochs}`],
      ...(loss === undefined ? [] : [["loss", loss.toFixed(4)] as [string, string]]),
      ...Object.entries(terms).map(([name, value]): [string, string] => [name, value.toFixed(4)]),
      ["images/s", imagesPerSecond.toFixed(0)],
      ["time", duration(seconds)],
    ];
    if (!this.#screen.isTTY) {
      const parts = cells.map(([name, value]) => `${name} ${value}`).join(", ");
      this.line(`${escapeInvisible(stage)}: ${parts}`);
      return;
    }
    const widths = cells.map(([name]) => Math.max(10, name.length + 2));
    const row = (texts: readonly string[]) =>
      texts.map((text, index) => text.padStart(widths[index]!)).join("");
    const header = `${escapeInvisible(stage)}\n${row(cells.map(([name]) => escapeInvisible(name)))}`;
    if (header !== this.#columns) this.line(header);
    this.#columns = header;
    this.line(`${row(cells.map(([, value]) => value))}  ${sparkline(this.#losses)}`.trimEnd());
  }
}
