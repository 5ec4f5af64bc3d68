// Incremental learning: the pirate adds classes of his own to those that the stolen file knows. By plain fine-tuning on
// the new images; by learning without forgetting (Li and Hoiem 2016, arXiv 1606.09282), which holds on to the old
// network's answers; and by exemplars of the old classes as well (exemplars.ts). What counts is the mean of the
// accuracies on old and new classes, told apart among all of them.
import type { Labelled } from "../data/index.ts";
import { narrow } from "../torch/index.ts";
import { distillationLoss, labelLoss } from "../train/index.ts";
import { imagesFor, placesByClass } from "./budget.ts";
import type { Assignment, Kind } from "./campaign.ts";
import { behind, candidates, herd, joined, nearestMeans } from "./exemplars.ts";
import { type Beheaded, behead, drawRows, extendRows, withHead } from "./head.ts";
import { armTable } from "./headStart.ts";
import { bothScores, rowsFor, scoreOf } from "./judge.ts";
import { methodNames } from "./names.ts";
import { PerBudget } from "./perBudget.ts";
import type { LabelledData } from "./scene.ts";
import { withRandomWeights } from "./scratch.ts";

/** Softens the old network's answers, as in the paper. */
const temperature = 2;

/** The attack by learning the classes of the scene's data beside those of its source, which must be there. */
export const incremental: Kind = {
  groups: (arm) =>
    methodNames.incremental
      .filter((name) => !(armTable[arm].isScratch && name === "learning-without-forgetting"))
      .map((name) => [name]),

  begin(scene) {
    const { data } = scene.inputs;
    const source = scene.inputs.source as LabelledData;
    const old = source.train.classes.length;
    const herds = new PerBudget<ReturnType<typeof herd>>();

    /** The old images that the pirate has, by the features of the network that he starts from. */
    function exemplarsFor(
      { body }: Beheaded,
      { arm, budget, seed }: Pick<Assignment, "arm" | "budget" | "seed">,
    ) {
      return herds.of(budget, `${arm} ${seed}`, async () => {
        const order = placesByClass(source.train, { seed, name: "exemplars" });
        const pool = candidates(source.train, order);
        return herd(pool, await rowsFor(body, pool, scene.preparing));
      });
    }

    return async (assignment) => {
      const { arm, seed, recipe, isSearch } = assignment;
      const { isScratch } = armTable[arm];
      const { own, learn, held, heldOut } = imagesFor(assignment, data);
      const loot = await scene.dismantled(assignment, own);
      const body = isScratch ? withRandomWeights(loot.body, seed) : loot.body;
      const { kept, held: heldOfOld } = await exemplarsFor({ ...loot, body }, assignment);
      const drawn = drawRows(old + data.train.classes.length, loot.features, seed);
      const rows = isScratch ? drawn : extendRows(loot.head, old, drawn);
      const added = behind(source.train.classes, learn);
      const hasExemplars = recipe.method === "exemplars";
      const images = hasExemplars ? joined(kept, added) : added;
      const remembers = !isScratch && recipe.method !== "fine-tuning";
      return {
        graph: withHead({ ...loot, body }, rows),
        frozen: undefined,
        images,
        heldOut,
        ...(remembers && { teacher: withHead(loot, loot.head) }),
        losses: (logits, batch, answers) => {
          const label = { name: "label", weight: 1, value: labelLoss(logits, batch) };
          if (!answers) return [label];
          const value = distillationLoss(narrow(logits, 0, old, 1), answers, temperature);
          return [label, { name: "memory", weight: 1, value }];
        },
        score: async (trained) => {
          const judged = hasExemplars ? behead(trained).body : trained;
          const rowsOf = (set: Labelled) => rowsFor(judged, set, scene.judging);
          const known = hasExemplars && { features: await rowsOf(images), set: images };
          const scoreOn = async (set: Labelled) => {
            const rows = await rowsOf(set);
            return scoreOf(known ? nearestMeans(rows, known) : rows, set);
          };
          const ofOld = await scoreOn(isSearch ? heldOfOld : source.test);
          return bothScores(ofOld, await scoreOn(behind(source.train.classes, held)));
        },
      };
    };
  },
};
