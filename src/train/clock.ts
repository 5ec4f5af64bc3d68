// Speed and remaining time of a stage, and when the next checkpoint is due.

export class Clock {
  readonly #firstStep: number;
  readonly #start = performance.now();
  #lastCheckpoint = performance.now();
  #images = 0;

  /** Starts now, at a step that may not be the first of the stage. */
  constructor(firstStep: number) {
    this.#firstStep = firstStep;
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
