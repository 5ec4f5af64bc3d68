// What a pirate reaches without the chain under test, which is measured once: a line of a file each.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { fingerprint } from "../../src/data/index.ts";
import { sha256Of } from "../../src/files.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { type PirateOptions, steal, type Theft } from "./pirate.ts";

export class Controls {
  readonly #path: string;
  readonly #pirate: PirateOptions & { readonly whitens: boolean };

  constructor(path: string, pirate: PirateOptions & { readonly whitens: boolean }) {
    this.#path = path;
    this.#pirate = pirate;
  }

  /** What is reached from a graph of this name; of random weights nothing but the layers counts. */
  async reached(
    graph: Graph,
    { name, prepare }: { name: string; prepare?: PirateOptions["prepare"] },
  ): Promise<Theft> {
    const { budget, seed, epochs, optimizer, learningRates, isFinal, whitens } = this.#pirate;
    const { data, mean, std } = this.#pirate;
    const key = JSON.stringify({
      name,
      layers: layersOf(graph),
      budget,
      seed,
      epochs,
      optimizer,
      learningRates,
      judges: isFinal ? "test" : "held-out",
      data: await fingerprint(data),
      mean,
      std,
      ...(!name.endsWith("scratch") && { weights: hashOf(graph) }),
      ...(whitens && { whitens }),
    });
    const lines = existsSync(this.#path)
      ? readFileSync(this.#path, "utf8").trimEnd().split("\n")
      : [];
    const known = lines.map((line) => JSON.parse(line)).find((line) => line.key === key);
    if (known) return known.theft;
    const theft = await steal(graph, { ...this.#pirate, ...(prepare && { prepare }) });
    appendFileSync(this.#path, `${JSON.stringify({ key, theft })}\n`);
    return theft;
  }
}

/** Of operators, attributes and shapes in their order: chains that pool in other places may have the same weights. */
function layersOf({ nodes, initializers }: Graph): string {
  const layers = nodes.map(({ operator, attributes, inputs }) => {
    const shapes = inputs.map((name) => initializers.get(name)?.shape ?? null);
    return [operator, attributes, shapes];
  });
  return sha256Of(JSON.stringify(layers));
}

function hashOf({ initializers }: Graph): string {
  return sha256Of(...[...initializers].flatMap(([name, { data }]) => [name, data]));
}
