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
import { armTable } from "./headStart.ts";
import { rowsFor, scoreOf } from "./judge.ts";
import { type ExtractionMethod, methodNames } from "./names.ts";
import { taskOf } from "./scene.ts";
import { withRandomWeights } from "./scratch.ts";

/** What a network learns from. */
interface Teaching {
  /** What the file tells of each image; undefined where it is not asked and true labels teach. */
  readonly answers: "probabilities" | "labels" | undefined;
  /** Whether the images are of the file's own task. */
  readonly images: "same" | "other";
}

/** The method of the controls. */
const control = "own-labels";

const extractionMethods: Readonly<Record<ExtractionMethod | typeof control, Teaching>> = {
  "probabilities-same": { answers: "probabilities", images: "same" },
  "labels-same": { answers: "labels", images: "same" },
  "probabilities-other": { answers: "probabilities", images: "other" },
  "labels-other": { answers: "labels", images: "other" },
  [control]: { answers: undefined, images: "same" },
};

/** The attack by queries, about images of another task too where there are data besides those of the file's own. */
export const extraction: Kind = {
  groups(arm, { source }) {
    if (armTable[arm].isScratch) return [[control]];
    return methodNames.extraction
      .filter((name) => source || extractionMethods[name].images === "same")
      .map((name) => [name]);
  },

  begin(scene) {
    const { data } = scene.inputs;
    const task = taskOf(scene.inputs);
    return async (assignment) => {
      const { seed, recipe, isSearch } = assignment;
      const { answers, images } =
        extractionMethods[recipe.method as keyof typeof extractionMethods];
      const { train } = images === "other" ? data : task;
      const { own, learn, held, heldOut } = imagesFor(assignment, { train, test: task.test });
      const loot = await scene.dismantled(assignment, own);
      const stolen = await scene.dismantled({ ...assignment, arm: "obfuscated" }, own);
      const victim = withHead(stolen, stolen.head);
      const body = withRandomWeights(loot.body, seed);
      return {
        graph: withHead({ ...loot, body }, drawRows(stolen.head.bias.length, loot.features, seed)),
        frozen: undefined,
        images: learn,
        heldOut,
        ...(answers && { teacher: victim }),
        losses: (logits, batch, answered) => {
          if (!answered) return [{ name: "label", weight: 1, value: labelLoss(logits, batch) }];
          const value =
            answers === "probabilities"
              ? distillationLoss(logits, answered, 1)
              : labelLoss(logits, { labels: argmax(answered) });
          return [{ name: "answer", weight: 1, value }];
        },
        score: async (trained) => {
          const rows = await rowsFor(trained, held, scene.judging);
          return scoreOf(rows, isSearch && answers ? await asAnswered(held) : held);
        },
      };

      /** The images with the file's answers in place of labels, which the pirate does not know. */
      async function asAnswered(images: Labelled): Promise<Pick<Labelled, "labels">> {
        const rows = await rowsFor(victim, images, scene.judging);
        return { labels: argmaxRows(rows, rows.length / images.count) };
      }
    };
  },
};
