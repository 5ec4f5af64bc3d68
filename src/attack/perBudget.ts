// What is made once for all trainings of a budget: budgets follow each other, and what belongs to one goes with it.

/** Values by key, those of the last budget alone. */
export class PerBudget<Value> {
  readonly #known = new Map<string, Value>();
  #budget: number | undefined;

  /** The value of a key, which is made where this budget has none yet. */
  async of(budget: number, key: string, make: () => Promise<Value>): Promise<Value> {
    if (budget !== this.#budget) this.#known.clear();
    this.#budget = budget;
    const value = this.#known.get(key) ?? (await make());
    this.#known.set(key, value);
    return value;
  }
}
