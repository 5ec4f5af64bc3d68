// The ways that were tried to make a chain a bad start, and what each adds to its training.
import {
  addScalar,
  div,
  matmul,
  mean,
  operator,
  reshape,
  square,
  sub,
  sum,
  transpose,
} from "../../src/torch/index.ts";
import { narrowEarly, pooledSooner } from "./plans.ts";
import type { Simulation } from "./simulated.ts";
import type { Way } from "./train.ts";

const oneHot = operator("aten::one_hot");

/** Labels alone teach, which saves running the original. */
const labels = { featureWeight: 0, distillationWeight: 0, labelWeight: 1 };

export const ways: Readonly<Record<string, Way>> = {
  /** The control: the same training without a way. */
  none: {},
  "narrow-early": { plan: narrowEarly },
  "early-pooling": { plan: pooledSooner },
  "simulated-pirate": { pirate: pirate(10) },
  "simulated-pirate-strong": { pirate: pirate(100) },
  "fresh-2": { fresh: 2, frozen: 2 },
  "fresh-2-learned": { fresh: 2 },
  "labels-end": { loss: labels, frozen: 3, rate: 0.25 },
  "collapse-all": { terms: collapse([2, 3, 4, 5], 3) },
  "collapse-end": { loss: labels, frozen: 3, rate: 0.25, terms: collapse([1, 2, 3], 3) },
  "collapse-half": { loss: labels, frozen: 3, rate: 0.25, terms: collapse([0, 1, 2, 3], 8) },
};

/** One who takes the best optimizer, and enough steps to learn something. */
function pirate(weight: number): Simulation {
  return { optimizer: "muon", learningRate: 0.04, steps: 32, weight };
}

/** Within-class variance of the results of layers, counted from 0 behind the frozen ones, over their variance. */
function collapse(layers: readonly number[], weight: number): NonNullable<Way["terms"]> {
  return (maps, { labels: classes }) => {
    const hot = oneHot(classes, 10).to({ dtype: "float32" });
    const counts = addScalar(sum(hot, [0]), 1e-6);
    const membership = div(transpose(hot), reshape(counts, [10, 1]));
    return layers.map((layer) => {
      const map = maps[layer]!.to({ dtype: "float32" });
      const rows = reshape(map, [map.shape[0]!, -1]);
      const centred = sub(rows, mean(rows, [0], true));
      const within = mean(square(sub(centred, matmul(hot, matmul(membership, centred)))));
      const value = div(within, addScalar(mean(square(centred)), 1e-6));
      return { name: `collapse ${layer + 1}`, weight: weight / layers.length, value };
    });
  };
}
