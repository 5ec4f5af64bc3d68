// What the trainings of an attack share, and for how long.
import { expect, test, vi } from "vitest";
import type { ResolvedAttackOptions } from "../../src/attack/options.ts";
import { PerBudget } from "../../src/attack/perBudget.ts";
import { Scene } from "../../src/attack/scene.ts";
import { mergeTwins } from "../../src/attack/twins.ts";
import { chain, folded, images } from "./pair.ts";

vi.mock("../../src/attack/twins.ts", { spy: true });

test("twins are merged once a file, and networks of an earlier budget are not kept", async () => {
  const data = { train: images, test: images };
  const graphs = { original: folded, obfuscated: chain };
  const options = { mean: [0.4], std: [0.3], device: "cpu" } as unknown as ResolvedAttackOptions;
  const stops = { ofFirst() {}, ofAll() {} };
  const scene = new Scene({ graphs, data, source: undefined }, options, stops);
  const of = (budget: number) => scene.dismantled({ arm: "obfuscated", budget, seed: 0 }, images);
  const first = await of(0.5);
  expect(await of(0.5)).toBe(first);
  expect(await of(1)).not.toBe(first);
  expect(await of(0.5)).not.toBe(first);
  expect(mergeTwins).toHaveBeenCalledTimes(1);
});

test("what is made for a budget is kept until the next one", async () => {
  const kept = new PerBudget<number>();
  const made: string[] = [];
  const ask = (budget: number, key: string) =>
    kept.of(budget, key, async () => made.push(`${budget} ${key}`));
  for (const [budget, key] of [
    [0.1, "a"],
    [0.1, "b"],
    [0.1, "a"],
    [1, "a"],
    [1, "a"],
    [0.1, "a"],
  ] as const) {
    await ask(budget, key);
  }
  expect(made).toEqual(["0.1 a", "0.1 b", "1 a", "0.1 a"]);
});
