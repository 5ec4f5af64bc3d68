// Speed and remaining time of a stage, and when the next checkpoint is due.

/** Times a stage from where it begins or goes on. */
export class Clock {
  readonly #firstStep: number;
  readonly #start = performance.now();
  #epochStart = performance.now();
  #lastCheckpoint = performance.now();
  #images = 0;

  /** Starts now, at a step that may not be the first of the stage. */
  constructor(firstStep: number) {
    this.#firstStep = firstStep;
  }

  beginEpoch(): void {
    this.#epochStart = performance.now();
  }

  /** Time since the epoch began, or went on. */
  get epochSeconds(): number {
    return (performance.now() - this.#epochStart) / 1000;
  }

  /** Counts the images of a step. */
  count(images: number): void {
    this.#images += images;
  }

  /** Mean speed since the start, and what the rest takes at this speed. */
  estimate(step: number, total: number): { imagesPerSecond: number; secondsLeft: number } {
    const seconds = (performance.now() - this.#start) / 1000;
    const done = step - this.#firstStep;
    return {
      imagesPerSecond: this.#images / seconds,
      secondsLeft: (seconds / done) * (total - step),
    };
  }

  /** True once each time that many seconds have passed. */
  checkpointIsDue(seconds: number): boolean {
    if (performance.now() - this.#lastCheckpoint < seconds * 1000) return false;
    this.#lastCheckpoint = performance.now();
    return true;
  }
}
