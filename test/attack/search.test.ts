import { describe, expect, test } from "vitest";
import { assertBudgets, drawBudget, imagesFor, splitForSearch } from "../../src/attack/budget.ts";
import { batchSizeFor } from "../../src/attack/fineTune.ts";
import { scoreOf } from "../../src/attack/judge.ts";
import { pirateOptimizers } from "../../src/attack/names.ts";
import { beyond, grid, type Recipe } from "../../src/attack/recipes.ts";
import { search } from "../../src/attack/search.ts";
import type { Labelled } from "../../src/data/index.ts";
import { UsageError } from "../../src/errors.ts";
import { images } from "./pair.ts";

describe("the search", () => {
  const recipes = grid(["a", "b"], {});

  test("is over three optimizers at three rates or more each", () => {
    for (const optimizer of pirateOptimizers) {
      const rates = recipes.filter((each) => each.method === "a" && each.optimizer === optimizer);
      expect(new Set(rates.map(({ learningRate }) => learningRate)).size).toBeGreaterThanOrEqual(3);
    }
    expect(grid(["a"], { optimizers: ["sgd"], learningRates: [0.05] })).toEqual([
      { method: "a", optimizer: "sgd", learningRate: 0.05 },
    ]);
  });

  const within = () => undefined;

  test("tries all for a ninth of the epochs, the better ones for longer, and keeps a method's best", async () => {
    const tried: [Recipe, number][] = [];
    const draws = new Map<number, Set<number>>();
    // Method "a" looks better at first, "b" is.
    const attempt = async (recipe: Recipe, epochs: number, seed: number) => {
      tried.push([recipe, epochs]);
      draws.set(epochs, (draws.get(epochs) ?? new Set()).add(seed));
      const bonus = recipe.method === (epochs > 9 ? "b" : "a") ? 0.5 : 0;
      return { accuracy: bonus + Math.min(0.4, recipe.learningRate), crossEntropy: 1 };
    };
    const best = await search(recipes, { epochs: 36, seeds: 2, attempt, beyond: within });
    expect(best).toEqual({ method: "b", optimizer: "sgd", learningRate: 0.2 });
    const methods = (epochs: number) =>
      tried.filter(([, each]) => each === epochs).map(([{ method }]) => method);
    expect(tried.slice(0, recipes.length).map(([recipe]) => recipe)).toEqual(recipes);
    expect(methods(4)).toHaveLength(18);
    expect(methods(9)).toEqual(["a", "a", "a", "a", "a", "a", "b"]);
    expect(methods(18)).toEqual(["a", "a", "a", "a", "a", "a", "b", "b"]);
    expect(tried).toHaveLength(18 + 7 + 8);
    expect([...draws].map(([epochs, seeds]) => [epochs, ...seeds])).toEqual([
      [4, 0],
      [9, 0],
      [18, 0, 1],
    ]);
  });

  test("lets no lucky draw of images decide between the last ones", async () => {
    const few = grid(["a"], { optimizers: ["sgd"] });
    // The images of the first seed flatter the lowest rate.
    const attempt = async ({ learningRate }: Recipe, _: number, seed: number) => ({
      accuracy: learningRate / 10 + (seed === 0 && learningRate < 0.02 ? 0.025 : 0),
      crossEntropy: 1,
    });
    const asked = { epochs: 36, attempt, beyond: within };
    expect((await search(few, { ...asked, seeds: 1 })).learningRate).toBe(0.0125);
    expect((await search(few, { ...asked, seeds: 3 })).learningRate).toBe(0.2);
  });

  test("never leaves the last rounds to a single recipe", async () => {
    const few = grid(["a"], { optimizers: ["sgd"] });
    // High rates look better the shorter the training is.
    const attempt = async ({ learningRate }: Recipe, epochs: number) => ({
      accuracy: epochs < 18 ? learningRate : 0.5 - learningRate,
      crossEntropy: 1,
    });
    const best = await search(few, { epochs: 36, seeds: 1, attempt, beyond: within });
    expect(best.learningRate).toBe(0.05);
  });

  test.each([
    ["higher", 0.9, [0.0125, 0.05, 0.2, 0.8, 3.2], 0.8],
    ["lower", 0.003, [0.0125, 0.05, 0.2, 0.003125, 0.00078125], 0.003125],
    ["ever higher, twice", 1000, [0.0125, 0.05, 0.2, 0.8, 3.2], 3.2],
    ["neither", 0.05, [0.0125, 0.05, 0.2], 0.05],
  ])("goes on beyond the grid where the best rate is %s", async (_, ideal, rates, found) => {
    const tried = new Set<number>();
    const attempt = async ({ learningRate }: Recipe) => {
      tried.add(learningRate);
      return { accuracy: 1 / (1 + Math.abs(Math.log(learningRate / ideal))), crossEntropy: 1 };
    };
    const asked = { epochs: 9, seeds: 1, attempt, beyond };
    const best = await search(grid(["a"], { optimizers: ["sgd"] }), asked);
    expect([...tried]).toEqual(rates);
    expect(best.learningRate).toBe(found);
  });

  test("takes the lower cross entropy of equals, and no failure", async () => {
    const attempt = async ({ optimizer, learningRate }: Recipe) =>
      optimizer === "muon"
        ? { accuracy: 0, crossEntropy: Number.MAX_VALUE }
        : { accuracy: 0, crossEntropy: 2 - learningRate };
    const best = await search(recipes, { epochs: 9, seeds: 1, attempt, beyond: within });
    expect(best).toMatchObject({ optimizer: "sgd", learningRate: 0.2 });
  });

  test("does not try a single recipe", async () => {
    const [only] = recipes;
    const attempt = () => Promise.reject(new Error("tried"));
    expect(await search([only!], { epochs: 9, seeds: 3, attempt, beyond })).toBe(only);
  });
});

describe("the pirate's images", () => {
  const counts = ({ labels }: Labelled) =>
    [0, 1, 2, 3].map((label) => labels.filter((each) => each === label).length);

  test("are a share of each class, by seed", async () => {
    const drawn = drawBudget(images, 0.5, 3);
    expect(counts(drawn)).toEqual([6, 6, 6, 6]);
    expect(drawBudget(images, 0.5, 3)).toMatchObject({
      labels: drawn.labels,
      pixels: drawn.pixels,
    });
    expect(drawBudget(images, 0.5, 4).pixels).not.toEqual(drawn.pixels);
    expect(drawBudget(images, 1, 0).pixels).toEqual(images.pixels);
  });

  test("are split for the search with each class in both parts", () => {
    const { learn, held } = splitForSearch(drawBudget(images, 0.5, 3), 3);
    expect([counts(learn), counts(held)]).toEqual([
      [5, 5, 5, 5],
      [1, 1, 1, 1],
    ]);
    const two = splitForSearch(drawBudget(images, 2 / 12, 3), 3);
    expect([counts(two.learn), counts(two.held)]).toEqual([
      [1, 1, 1, 1],
      [1, 1, 1, 1],
    ]);
  });

  test("are held to judge by from the budget while he searches, and are the test images later", () => {
    const data = { train: images, test: drawBudget(images, 0.5, 9) };
    const found = (isSearch: boolean) => imagesFor({ budget: 0.5, seed: 3, isSearch }, data);
    const [search, last] = [found(true), found(false)];
    expect([search.own.count, search.learn.count, search.held.count]).toEqual([24, 20, 4]);
    expect(search.heldOut).toBe(4);
    expect([last.learn.count, last.held, last.heldOut]).toEqual([24, data.test, 0]);
  });

  test("are refused where a class has fewer than two", () => {
    expect(() => drawBudget(images, 0.05, 0)).toThrow(UsageError);
    expect(() => drawBudget(images, 0.05, 0)).toThrow(/0\.05 leaves 1 of the 12 of "a"/);
  });

  test.each([
    [1000, {}, 128],
    [10_000, {}, 128],
    [100, {}, 8],
    [4, {}, 4],
    [1000, { asked: 32 }, 32],
    [20, { asked: 32 }, 20],
    // Workers take equal parts of a batch.
    [63, { asked: 64, workers: 2 }, 62],
    [1000, { workers: 3 }, 126],
    // A search holds some of the budget out, and is to find what is right for all of it.
    [800, {}, 64],
    [800, { heldOut: 200 }, 128],
    [6, { heldOut: 2 }, 6],
  ])("%d of them come in batches, asked for %j: %d", (count, asked, size) => {
    expect(batchSizeFor(count, asked)).toBe(size);
  });

  test("are refused where they are fewer than the workers that share them", () => {
    const asked = { budgets: [1, 2 / 12], seed: 3 };
    assertBudgets(images, { ...asked, workers: 4 });
    expect(() => assertBudgets(images, { ...asked, workers: 5 })).toThrow(
      /--workers: expected at most 4, the images that 0\.16.*received 5/,
    );
  });
});

test("a score is the share of right answers and the mean cross entropy", () => {
  // Softmax of 0 and ln 3 is 1/4 and 3/4.
  const logits = Float32Array.of(0, Math.log(3), 0, Math.log(3));
  const score = scoreOf(logits, { labels: Int32Array.of(1, 0) });
  expect(score.accuracy).toBe(0.5);
  expect(score.crossEntropy).toBeCloseTo((Math.log(4 / 3) + Math.log(4)) / 2, 6);
});
