// What the attacks of a job have in common: both networks as the pirate gets them, his data, and how he judges.
import type { Data, Dataset, Labelled } from "../data/index.ts";
import type { Graph } from "../graph/graph.ts";
import type { Beheaded } from "./head.ts";
import { type ArmName, armTable } from "./headStart.ts";
import type { ShowingOptions } from "./judge.ts";
import { dismantle } from "./loot.ts";
import type { OfBoth } from "./models.ts";
import type { ResolvedAttackOptions } from "./options.ts";

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
  readonly #dismantled = new Map<string, Beheaded>();

  constructor(inputs: Inputs, options: ResolvedAttackOptions, { ofFirst, ofAll }: Stops) {
    this.inputs = inputs;
    this.options = options;
    const { mean, std, device } = options;
    this.judging = { mean, std, device, onProgress: ofFirst };
    this.preparing = { mean, std, device, onProgress: ofAll };
  }

  /** The network of an arm with batch norm put back by the pirate's images, which budget and seed have drawn. */
  async dismantled(
    { arm, budget, seed }: { arm: ArmName; budget: number; seed: number },
    images: Dataset,
  ): Promise<Beheaded> {
    const { file } = armTable[arm];
    const key = JSON.stringify([file, budget, seed, images.name]);
    const known = this.#dismantled.get(key);
    if (known) return known;
    const { batchSize } = this.options;
    const showing = { ...this.preparing, seed, batchSize };
    const loot = await dismantle(this.inputs.graphs[file], images, showing);
    this.#dismantled.set(key, loot);
    return loot;
  }
}
