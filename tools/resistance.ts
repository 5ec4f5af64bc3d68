// Trains chains with ways to make them a bad start for a pirate's own training, lets him try, and adds what came of it to
// records/resistance.jsonl.
//
//     npm run resistance -- ORIGINAL.onnx --data DATA --pirate-data DATA --ways none,collapse-end \
//         [--start CHAIN.onnx] [--depth 7] [--epochs 1] [--pirate-epochs 20] [--seeds 0] [--redrawn 5,6,7] \
//         [--whitened] [--final] [--optimizer sgd] [--rates 0.05] --mean A,B,C --std A,B,C
//
// With --start a way goes on from a shipped chain; a name that no way has is one for that as it is. With --redrawn the
// pirate draws convolutions anew first, with --whitened he whitens what they read. The test images judge with --final
// alone. Else the chain is judged by the training images of its task that it left out, and he by some of his that he does
// not have; a chain given with --start has to be of a run with --hold-out 5000. Of several rates the one counts that is
// best on others still, from each start. What random weights and the original reach is kept in runs/resistance/ of the
// working directory, as the chains are.
// Then: npm run results.
import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { loadLabelled } from "../src/attack/data.ts";
import { type Arm, type ArmName, headStarts } from "../src/attack/headStart.ts";
import { withRandomWeights } from "../src/attack/scratch.ts";
import { holdOut, type Labelled, loadData } from "../src/data/index.ts";
import { evaluate } from "../src/evaluate/evaluate.ts";
import { OnnxClassifier } from "../src/evaluate/index.ts";
import { readOriginal } from "../src/evaluate/readOriginal.ts";
import { adoptModel } from "../src/graph/adopt.ts";
import type { Graph } from "../src/graph/graph.ts";
import { planOriginal } from "../src/obfuscate/original.ts";
import { writeModel } from "../src/onnx/index.ts";
import { manualSeed, setThreads } from "../src/torch/index.ts";
import { appendRecord, root } from "./records/records.ts";
import { Controls } from "./resistance/controls.ts";
import { readOptions } from "./resistance/options.ts";
import { redrawn, steal, type Theft } from "./resistance/pirate.ts";
import { trainChain } from "./resistance/train.ts";
import { ways } from "./resistance/ways.ts";
import { whitened } from "./resistance/whiten.ts";

const options = readOptions(process.argv.slice(2));
const { model, start, depth, epochs, redraws, whitens, isFinal, optimizer, learningRates } =
  options;
const normalization = { mean: options.mean, std: options.std };
const budget = 0.1;

setThreads(1);
const whole = await loadData(options.data);
const data = holdOut(whole, 5000);
const { shape } = data.train;
const pirateData = await loadLabelled(options.pirateData, { shape });
const original = await readOriginal(model);
const planned = planOriginal(original, shape, { model, depth });
const folder = join("runs", "resistance");
mkdirSync(folder, { recursive: true });

for (const seed of options.seeds) {
  for (const name of options.ways) {
    manualSeed(seed);
    const path = await chainOf(name, seed);
    const accuracy = await accuracyOf(path);
    console.error(`${name}, seed ${seed}: accuracy ${accuracy}`);
    const shipped = await read(path);
    const pirate = {
      data: pirateData,
      budget,
      seed,
      ...normalization,
      isFinal,
      optimizer,
      learningRates,
      epochs: options.pirateEpochs,
    };
    const whiten = (body: Graph, images: Labelled) =>
      whitens ? whitened(body, images, normalization) : body;
    const random = (body: Graph) => withRandomWeights(body, seed);
    const prepare = (body: Graph, images: Labelled) => whiten(redrawn(body, redraws, seed), images);
    const obfuscated = await steal(shipped, { ...pirate, prepare });
    console.error(`${name}, seed ${seed}: the pirate reaches ${obfuscated.accuracy}`);
    const controls = join(folder, "controls.jsonl");
    const ofOriginal = new Controls(controls, { ...pirate, whitens: false });
    const ofChain = new Controls(controls, { ...pirate, whitens });
    const drawn = { name: "scratch", prepare: random };
    const whitenedScratch = {
      name: "scratch",
      prepare: (body: Graph, images: Labelled) => whiten(random(body), images),
    };
    const method = whitens ? "whitened" : "initFC-all";
    const arm = (from: ArmName, { accuracy, learningRate }: Theft, by = "initFC-all"): Arm => ({
      arm: from,
      method: by,
      budget,
      accuracies: [accuracy],
      mean: accuracy,
      deviation: null,
      optimizer,
      learningRate,
    });
    const arms = [
      arm("original", await ofOriginal.reached(planned.original, { name: basename(model) })),
      arm("obfuscated", obfuscated, redraws.length > 0 ? `redrawn ${redraws}` : method),
      arm("original-scratch", await ofOriginal.reached(planned.original, drawn)),
      arm("obfuscated-scratch", await ofChain.reached(shipped, whitenedScratch)),
    ];
    appendRecord(join(root, "records", "resistance.jsonl"), {
      series: basename(model, ".onnx"),
      name,
      depth,
      epochs,
      seed,
      accuracy,
      ...(start && { start: basename(start) }),
      pirate: { epochs: pirate.epochs, judges: isFinal ? "test" : "held-out" },
      arms,
      headStart: headStarts(arms),
    });
  }
}

/** The path of a way's chain, trained now. */
async function chainOf(name: string, seed: number): Promise<string> {
  const way = ways[name];
  if (!way && start) return start;
  if (!way)
    throw new Error(`--ways: expected some of ${Object.keys(ways).join(", ")}, received ${name}`);
  if (way.plan && start)
    throw new Error(`--start: expected none for ${name}, whose plan is another than that chain's`);
  const graph = await trainChain(way, {
    planned,
    data,
    epochs,
    seed,
    ...normalization,
    ...(start && { start: await read(start) }),
    onProgress: (event) => {
      if (event.type !== "step") return;
      const { step, steps, losses } = event;
      const terms = Object.entries(losses).map(([term, value]) => `${term} ${value.toFixed(4)}`);
      console.error(`${name}, seed ${seed}: step ${step}/${steps}, ${terms.join(", ")}`);
    },
  });
  const path = join(
    folder,
    `${basename(model, ".onnx")}-${depth}-e${epochs}-${name}-s${seed}.onnx`,
  );
  await writeModel(graph, path);
  return path;
}

async function read(path: string): Promise<Graph> {
  return adoptModel(await readOriginal(path), { shape, name: path });
}

/** On images of the model's own task, in ONNX Runtime: those held out, and the test images in the end alone. */
async function accuracyOf(path: string): Promise<number> {
  const { test } = isFinal ? whole : data;
  await using classifier = await OnnxClassifier.open(path, test, { threads: 1 });
  return (await evaluate(classifier, test, normalization)).accuracy;
}
