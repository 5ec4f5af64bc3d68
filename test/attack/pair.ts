// A stolen file and its original, of a few kilobytes: a residual network as training leaves it, and a chain under its
// classifier.
import { type Dataset, inMemory, type Labelled } from "../../src/data/index.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { randomBits, uniform } from "../../src/graph/random.ts";
import { foldBatchNorm } from "../../src/graph/rewrites.ts";
import { fromFloat32, toFloat32 } from "../../src/graph/tensorData.ts";
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

/** All convolutions but the last times powers of ten, each undone by its reader: what the network computes stays. */
export function rescaled(graph: Graph, exponentOf = (channel: number) => (channel % 7) - 3): Graph {
  const initializers = new Map(graph.initializers);
  const scale = (name: string, factor: (place: number) => number) => {
    const value = initializers.get(name)!;
    initializers.set(
      name,
      fromFloat32(
        value.shape,
        toFloat32(value).map((x, i) => x * factor(i)),
      ),
    );
  };
  const convolutions = graph.nodes.filter(({ operator }) => operator === "Conv");
  for (const [i, { inputs }] of convolutions.slice(0, -1).entries()) {
    const [, weight, bias] = inputs as [string, string, string];
    const next = convolutions[i + 1]!.inputs[1]!;
    const [outputs, ...sizes] = initializers.get(weight)!.shape as [number, ...number[]];
    const row = sizes.reduce((product, size) => product * size, 1);
    const kernel = initializers
      .get(next)!
      .shape.slice(2)
      .reduce((a, b) => a * b, 1);
    const factor = (channel: number) => 10 ** exponentOf(channel);
    scale(weight, (place) => factor(Math.floor(place / row)));
    scale(bias, factor);
    scale(next, (place) => 1 / factor(Math.floor(place / kernel) % outputs));
  }
  return { ...graph, initializers };
}
