// Extraction by queries (Knockoff Nets: Orekondy et al. 2019, arXiv 1812.02766): a network from random weights learns
// from what the stolen file answers, probabilities or labels alone, to images of its own task or to others. The pirate
// has the file, so that he may ask it about every view of an image. The arm says whose architecture learns; the controls
// learn from the true labels of the same share of the task's images, without the file.

import type { Labelled } from "../data/index.ts";
import { argmaxRows } from "../evaluate/metrics.ts";
import { argmax } from "../torch/index.ts";
import { distillationLoss, labelLoss } from "../train/index.ts";
import { imagesFor } from "./budget.ts";
import type { Kind } from "./campaign.ts";
import { drawRows, withHead } from "./head.ts";
import { isScratch } from "./headStart.ts";
import { rowsFor, scoreOf } from "./judge.ts";
import { methodNames } from "./names.ts";
import type { Scene } from "./scene.ts";
import { withRandomWeights } from "./scratch.ts";

export function extraction(scene: Scene): Kind {
  const { data, source } = scene.inputs;
  const task = source ?? data;
  const methods = methodNames.extraction.filter((name) => source || name.endsWith("-same"));
  return {
    groups: (arm) => (isScratch(arm) ? [["own-labels"]] : methods.map((method) => [method])),

    async prepare(assignment) {
      const { arm, seed, recipe, isSearch } = assignment;
      const { method } = recipe;
      const { train } = method.endsWith("-other") ? data : task;
      const { own, learn, held, heldOut } = imagesFor(assignment, { train, test: task.test });
      const loot = await scene.dismantled(assignment, own);
      const stolen = await scene.dismantled({ ...assignment, arm: "obfuscated" }, own);
      const victim = withHead(stolen, stolen.head);
      const body = withRandomWeights(loot.body, seed);
      const isAnswered = !isScratch(arm);
      return {
        graph: withHead({ ...loot, body }, drawRows(stolen.head.bias.length, loot.features, seed)),
        frozen: undefined,
        images: learn,
        heldOut,
        ...(isAnswered && { teacher: victim }),
        losses: (logits, batch, answers) => {
          if (!answers) return [{ name: "label", weight: 1, value: labelLoss(logits, batch) }];
          const value = method.startsWith("probabilities")
            ? distillationLoss(logits, answers, 1)
            : labelLoss(logits, { labels: argmax(answers) });
          return [{ name: "answer", weight: 1, value }];
        },
        judge: async (trained) => {
          const rows = await rowsFor(trained, held, scene.judging);
          return scoreOf(rows, isSearch && isAnswered ? await answered(held) : held);
        },
      };

      /** The images with the file's answers in place of labels, which the pirate does not know. */
      async function answered(images: Labelled): Promise<Pick<Labelled, "labels">> {
        const rows = await rowsFor(victim, images, scene.judging);
        return { labels: argmaxRows(rows, rows.length / images.count) };
      }
    },
  };
}
