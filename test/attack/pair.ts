// A stolen file and its original, of a few kilobytes: a residual network as training leaves it, and a chain under its
// classifier.
import { type Dataset, inMemory, type Labelled } from "../../src/data/index.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { randomBits, uniform } from "../../src/graph/random.ts";
import { foldBatchNorm } from "../../src/graph/rewrites.ts";
import { fromFloat32 } from "../../src/graph/tensorData.ts";
import { sequential } from "../../src/models/index.ts";
import { type PlannedOriginal, planOriginal } from "../../src/obfuscate/original.ts";
import { nameChainInput, seal } from "../../src/obfuscate/seal.ts";
import { tinyResnet } from "../obfuscate/tiny.ts";
import { quarters } from "../train/tiny.ts";

/** Parameters as training leaves them: no batch norm is the identity. */
export function trained(graph: Graph): Graph {
  const initializers = [...graph.initializers].map(([name, value]) => {
    const random = uniform({ seed: 6, name }, value.data.length / 4);
    const isNorm = /(bn|norm).*\.(weight|bias|running_mean|running_var)$/.test(name);
    if (!isNorm) return [name, value] as const;
    const isPositive = /\.(running_var|weight)$/.test(name);
    const values = random.map((u) => (isPositive ? 0.2 + 2 * u : u - 0.5));
    return [name, fromFloat32(value.shape, values)] as const;
  });
  return { ...graph, initializers: new Map(initializers) };
}

export const original = trained(tinyResnet());

/** The original with its batch norms folded, as exporters write it. */
export const folded = foldBatchNorm(original);

/** What is shipped for the original if nothing is trained. */
export const chain = sealedChain(
  planOriginal(original, [1, 8, 8], { model: "original.onnx", depth: 3 }),
);

function sealedChain({ plan, classifier }: PlannedOriginal): Graph {
  const untrained = sequential(plan.layers, { shape: plan.input });
  return seal(nameChainInput(untrained, original), classifier, { depth: 3, seed: 0 });
}

export const images = quarters(48) as Labelled;

/** Noise without labels. */
export function noise(count: number, shape: Dataset["shape"] = [1, 8, 8]): Dataset {
  const size = shape.reduce((product, length) => product * length, count);
  const bits = randomBits({ seed: 9, name: "noise" }, size);
  return inMemory({ name: "noise", shape, pixels: Uint8Array.from(bits, (each) => each % 256) });
}
