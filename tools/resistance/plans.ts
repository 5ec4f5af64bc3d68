// Other plans of a chain, of the same depth and for as many MACs: a plan that learns well from nothing leaves less to
// win by a file.
import type { Layer } from "../../src/models/index.ts";
import { type ChainPlan, layerCosts } from "../../src/obfuscate/plan.ts";

/** As many convolutions count as early. */
const early = 3;
/** Widths are multiples of it. */
const step = 8;

/** The first three convolutions with half the channels, the others as wide as the same MACs allow. */
export function narrowEarly(plan: ChainPlan): ChainPlan {
  return widest(plan, (wide) =>
    plan.layers.map((layer, i) => widened(layer, i < early ? 1 / 2 : wide)),
  );
}

/** Each pooling one convolution sooner, all convolutions as wide as the same MACs allow. */
export function pooledSooner(plan: ChainPlan): ChainPlan {
  const pools = [...plan.layers.slice(1).map(({ pool }) => pool), false];
  return widest(plan, (wide) =>
    plan.layers.map((layer, i) => ({ ...widened(layer, wide), pool: pools[i]! })),
  );
}

/** The layers at the largest factor for which they cost no more than the plan; what they end in stays as wide. */
function widest(plan: ChainPlan, layersAt: (factor: number) => readonly Layer[]): ChainPlan {
  const features = plan.layers.at(-1)!.outputs;
  const at = (factor: number): ChainPlan => {
    const layers = layersAt(factor).map((layer, i, { length }) =>
      i + 1 < length ? layer : { ...layer, outputs: features },
    );
    const macs = layerCosts(plan.input, layers).reduce((sum, cost) => sum + cost.macs, 0);
    return { ...plan, layers, macs };
  };
  const factors = Array.from({ length: 128 }, (_, i) => (i + 1) / 32);
  const fitting = factors.map(at).findLast(({ macs }) => macs <= plan.macs);
  if (!fitting) throw new Error(`expected a plan of at most ${plan.macs} MACs, found none`);
  return fitting;
}

function widened(layer: Layer, factor: number): Layer {
  return { ...layer, outputs: Math.max(step, step * Math.round((layer.outputs * factor) / step)) };
}
