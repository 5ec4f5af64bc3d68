// What the attacks of a job have in common: both networks as the pirate gets them, his data, and how he judges.
import type { Data, Dataset, Labelled } from "../data/index.ts";
import type { Graph } from "../graph/graph.ts";
import type { Beheaded } from "./head.ts";
import { type ArmName, armTable } from "./headStart.ts";
import type { ShowingOptions } from "./judge.ts";
import { dismantle } from "./loot.ts";
import type { OfBoth } from "./models.ts";
import type { AttackKind } from "./names.ts";
import type { ResolvedAttackOptions } from "./options.ts";
import { PerBudget } from "./perBudget.ts";
import { mergeTwins } from "./twins.ts";

/** Images to learn from and to judge by, with labels. */
export interface LabelledData extends Pick<Data, "notes"> {
  readonly train: Labelled;
  readonly test: Labelled;
}

/** What a job has read and checked. */
export interface Inputs {
  /** Both networks with their scores as the only output, for images of the data's shape, channels first. */
  readonly graphs: OfBoth<Graph>;
  readonly data: LabelledData;
  /** Data of the networks' own classes, where they were asked for. */
  readonly source: LabelledData | undefined;
}

/** The data of the networks' own classes, where these are not new to them. */
export function taskOf({ data, source }: Pick<Inputs, "data" | "source">): LabelledData {
  return source ?? data;
}

/** The data that the pirate has his images from; he is judged by the first's test images. */
export function drawnFrom(
  { data, source }: Pick<Inputs, "data" | "source">,
  kind: AttackKind,
): [LabelledData, ...LabelledData[]] {
  return kind === "extraction" && source ? [source, data] : [data];
}

/** Called between batches: what they throw ends what the first worker does alone, or what all do. */
export interface Stops {
  readonly ofFirst: () => void;
  readonly ofAll: () => void;
}

/** What a job has read, and what each of its trainings starts from. */
export class Scene {
  readonly inputs: Inputs;
  readonly options: ResolvedAttackOptions;
  /** How the first worker alone shows a network images, and how all workers do. */
  readonly judging: ShowingOptions;
  readonly preparing: ShowingOptions;
  readonly #withoutTwins = new Map<keyof OfBoth<Graph>, Graph>();
  readonly #dismantled = new PerBudget<Beheaded>();

  constructor(inputs: Inputs, options: ResolvedAttackOptions, { ofFirst, ofAll }: Stops) {
    this.inputs = inputs;
    this.options = options;
    const { mean, std, device } = options;
    this.judging = { mean, std, device, onProgress: ofFirst };
    this.preparing = { mean, std, device, onProgress: ofAll };
  }

  /** An arm's network without twins, and with batch norm put back by the pirate's images, which budget and seed drew. */
  async dismantled(
    { arm, budget, seed }: { arm: ArmName; budget: number; seed: number },
    images: Dataset,
  ): Promise<Beheaded> {
    const { file } = armTable[arm];
    const key = JSON.stringify([file, seed, images.name]);
    const { batchSize } = this.options;
    const showing = { ...this.preparing, seed, batchSize };
    return this.#dismantled.of(budget, key, () => dismantle(this.#merged(file), images, showing));
  }

  /** The network of a file without twins. */
  #merged(file: keyof OfBoth<Graph>): Graph {
    const graph = this.#withoutTwins.get(file) ?? mergeTwins(this.inputs.graphs[file]);
    this.#withoutTwins.set(file, graph);
    return graph;
  }
}
