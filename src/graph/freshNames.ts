// Names that are not taken yet.

/** Hands out names that no one has, each once; those in `taken` are avoided, and the new ones added to them. */
export class FreshNames {
  readonly #taken: Set<string>;
  readonly #last = new Map<string, number>();

  constructor(taken: Set<string>) {
    this.#taken = taken;
  }

  /** The name itself where it is free, else with a number. In all, no slower than the number of names. */
  next(wanted: string): string {
    let name = wanted;
    while (this.#taken.has(name)) {
      const number = (this.#last.get(wanted) ?? 1) + 1;
      this.#last.set(wanted, number);
      name = `${wanted}_${number}`;
    }
    this.#taken.add(name);
    return name;
  }
}
