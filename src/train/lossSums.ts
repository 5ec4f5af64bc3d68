// Sums of the losses of an epoch's steps, for its log line.
import { add, full, keep, noGrad, scope, type Tensor } from "../torch/index.ts";
import { type LossTerm, totalLoss } from "./losses.ts";

/** Sums of the losses, kept on the device so that a step waits for nothing. */
export class LossSums {
  readonly #sums = new Map<string, Tensor>();

  constructor(start: Readonly<Record<string, number>>) {
    for (const [name, value] of Object.entries(start)) this.#sums.set(name, keep(full([], value)));
  }

  /** Adds the terms and their weighted sum, and frees the terms. */
  add(terms: readonly LossTerm[]): void {
    noGrad(() =>
      scope(() => {
        for (const { name, value } of [...terms, { name: "loss", value: totalLoss(terms) }]) {
          const { device } = value;
          const sum = this.#sums.get(name)?.to({ device }) ?? full([], 0, { device });
          this.#sums.get(name)?.dispose();
          this.#sums.set(name, keep(add(sum, value)));
        }
      }),
    );
    for (const { value } of terms) value.dispose();
  }

  numbers(): Record<string, number> {
    return Object.fromEntries([...this.#sums].map(([name, sum]) => [name, sum.item()]));
  }

  /** The sums divided by the number of steps that they cover. */
  means(steps: number): Record<string, number> {
    const entries = Object.entries(this.numbers());
    return Object.fromEntries(entries.map(([name, sum]) => [name, sum / steps]));
  }

  clear(): void {
    for (const sum of this.#sums.values()) sum.dispose();
    this.#sums.clear();
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
