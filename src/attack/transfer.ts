// Transfer: the pirate fine-tunes the stolen file for classes of his own. From random weights there is nothing to keep
// or to freeze, so that all layers learn.
import { labelLoss } from "../train/index.ts";
import { imagesFor } from "./budget.ts";
import type { Kind } from "./campaign.ts";
import { drawRows, extendRows, withHead } from "./head.ts";
import { armTable } from "./headStart.ts";
import { rowsFor, scoreOf } from "./judge.ts";
import { frozenPart, startOf, transferMethods } from "./methods.ts";
import { methodNames, type TransferMethod } from "./names.ts";
import { withRandomWeights } from "./scratch.ts";

/** The attack by fine-tuning for the classes of the scene's data. */
export const transfer: Kind = {
  groups: (arm) => [
    armTable[arm].isScratch ? methodNames.transfer.slice(0, 1) : methodNames.transfer,
  ],

  begin(scene) {
    const { data } = scene.inputs;
    const classes = data.train.classes.length;
    return async (assignment) => {
      const { arm, seed, recipe } = assignment;
      const method = transferMethods[recipe.method as TransferMethod];
      const { own, learn, held, heldOut } = imagesFor(assignment, data);
      const loot = await scene.dismantled(assignment, own);
      const drawn = drawRows(classes, loot.features, seed);
      const rows = method.keepsHead ? extendRows(loot.head, classes, drawn) : drawn;
      const body = armTable[arm].isScratch
        ? withRandomWeights(loot.body, seed)
        : startOf(loot.body, method, seed);
      return {
        graph: withHead({ ...loot, body }, rows),
        frozen: frozenPart(body, method.learns),
        images: learn,
        heldOut,
        losses: (logits, batch) => [{ name: "label", weight: 1, value: labelLoss(logits, batch) }],
        score: async (trained) => scoreOf(await rowsFor(trained, held, scene.judging), held),
      };
    };
  },
};
