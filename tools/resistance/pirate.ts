// The pirate of `deepobf attack --kind transfer`, for one file alone and one recipe: what random weights or the
// original reach does not change from chain to chain, and is measured once.
import { drawBudget, placesByClass } from "../../src/attack/budget.ts";
import { fineTune } from "../../src/attack/fineTune.ts";
import { drawRows, withHead } from "../../src/attack/head.ts";
import { rowsFor, scoreOf } from "../../src/attack/judge.ts";
import { dismantle } from "../../src/attack/loot.ts";
import type { Recipe } from "../../src/attack/recipes.ts";
import type { LabelledData } from "../../src/attack/scene.ts";
import { withRandomWeights } from "../../src/attack/scratch.ts";
import { mergeTwins } from "../../src/attack/twins.ts";
import { type Labelled, type Normalization, sampleOf, select } from "../../src/data/index.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { labelLoss, nowhere } from "../../src/train/index.ts";

export interface PirateOptions extends Normalization {
  readonly data: LabelledData;
  readonly budget: number;
  readonly seed: number;
  readonly epochs: number;
  readonly optimizer: Recipe["optimizer"];
  /** All of which he tries; the one that is best on some training images that he does not have counts. */
  readonly learningRates: readonly number[];
  /** What he does with the network, batch norm put back, before he fine-tunes it. */
  readonly prepare?: (body: Graph, own: Labelled) => Graph | Promise<Graph>;
  /** Judges the theft by the test images, which choose nothing; else by others of his training images. */
  readonly isFinal: boolean;
}

/** Images that choose a rate, and as many that ways are searched by. */
const judges = 2000;

/** What a theft came to, and the rate that did. */
export interface Theft {
  readonly accuracy: number;
  readonly learningRate: number;
}

/** Accuracy on the new classes of a classifier that was fine-tuned whole, its last layer drawn anew. */
export async function steal(graph: Graph, options: PirateOptions): Promise<Theft> {
  const { data, budget, seed, epochs, optimizer, learningRates, mean, std, prepare, isFinal } =
    options;
  const own = drawBudget(data.train, budget, seed);
  const judging = { mean, std, device: "cpu", onProgress: () => {} } as const;
  const parts = await dismantle(mergeTwins(graph), own, { ...judging, seed });
  const body = prepare ? await prepare(parts.body, own) : parts.body;
  const start = withHead({ ...parts, body }, drawRows(own.classes.length, parts.features, seed));
  const train = (learningRate: number): Promise<Graph> => {
    const recipe = { optimizer, learningRate };
    return fineTune(
      {
        name: "pirate",
        graph: start,
        frozen: undefined,
        recipe,
        epochs,
        images: own,
        losses: (logits, batch) => [{ name: "label", weight: 1, value: labelLoss(logits, batch) }],
      },
      {
        mean,
        std,
        seed,
        device: "cpu",
        precision: "bf16",
        batchSize: 128,
        augment: { crop: 4, flip: true },
      },
      { index: 0, run: nowhere, hooks: {}, checkpoint: undefined },
    );
  };
  const accuracyOf = async (trained: Graph, judge: Labelled) =>
    scoreOf(await rowsFor(trained, judge, judging), judge).accuracy;
  const { toChoose, toJudge } = others(data.train, budget, seed);
  const attempts: (Theft & { readonly trained: Graph })[] = [];
  for (const learningRate of learningRates) {
    const trained = await train(learningRate);
    attempts.push({ trained, learningRate, accuracy: await accuracyOf(trained, toChoose) });
  }
  const { learningRate, trained } = attempts.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
  return { accuracy: await accuracyOf(trained, isFinal ? data.test : toJudge), learningRate };
}

/** The body with the convolutions of these numbers, from 1, drawn anew, and the batch norms behind them. */
export function redrawn(body: Graph, layers: readonly number[], seed: number): Graph {
  const random = withRandomWeights(body, seed);
  const initializers = new Map(body.initializers);
  let layer = 0;
  for (const { operator, inputs } of body.nodes) {
    if (operator === "Conv") layer++;
    const isLayer = operator === "Conv" || operator === "BatchNormalization";
    if (!isLayer || !layers.includes(layer)) continue;
    for (const name of inputs.slice(1)) initializers.set(name, random.initializers.get(name)!);
  }
  return { ...body, initializers };
}

/** Training images that are not among the pirate's: some to choose his rate by, and others to judge him by. */
export function others(
  train: Labelled,
  budget: number,
  seed: number,
): { toChoose: Labelled; toJudge: Labelled } {
  const count = placesByClass(train, { seed, name: "budget" });
  const left = count.flatMap((places) => [...places.subarray(Math.round(budget * places.length))]);
  const half = (parity: number) => {
    const places = left.filter((_, i) => i % 2 === parity);
    return sampleOf(select(train, Int32Array.from(places), train.name), judges);
  };
  return { toChoose: half(0), toJudge: half(1) };
}
