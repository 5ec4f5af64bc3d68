// The trainings of an attack, one after another. What each reached stands in metrics.jsonl, which checkpoints rewind to
// where they were written: a resumed attack repeats no training that is done, and goes on within the one that was not.
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { DataError, DivergedError, ModelError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Work } from "../jobs/index.ts";
import { figure, parseAs, sha256Text, shareOfOne } from "../schema.ts";
import { escapeInvisible } from "../text.ts";
import type { Assignment, PrepareTrial, Trial } from "./campaign.ts";
import { fineTune, type TrainingOptions } from "./fineTune.ts";
import type { ResolvedAttackOptions } from "./options.ts";
import type { Score } from "./search.ts";

/** What a pirate has whose training diverged. */
const failure: Score = { accuracy: 0, crossEntropy: Number.MAX_VALUE };

/** What a trial needs of its attack. */
type TrialWork = Omit<Work<{ decided: ResolvedAttackOptions; inputs: unknown }>, "inputs">;

/** What a line of the metrics file says of a finished trial: what was trained, and what it reached. */
const outcome = z.object({
  arm: z.string(),
  budget: figure,
  seed: figure,
  epochs: figure,
  isSearch: z.boolean(),
  method: z.string(),
  optimizer: z.string(),
  learningRate: figure,
  result: z.strictObject({
    accuracy: shareOfOne,
    crossEntropy: figure,
    parts: z.exactOptional(z.strictObject({ old: shareOfOne, new: shareOfOne })),
  }),
  /** Of the model file, where the trained network was kept as that. */
  modelSha256: z.exactOptional(sha256Text),
});

type Outcome = z.infer<typeof outcome>;

/** What a trial came to. */
type Reached = Pick<Outcome, "result" | "modelSha256">;

/** Gets a trained network, and gives the SHA-256 of the model file where it is kept as that. */
type OnTrained = (trained: Graph, assignment: Assignment) => Promise<string | undefined>;

/** The trials of a run in their order: those that its metrics file tells of, and those that are still to be made. */
export class Trials {
  readonly #work: TrialWork;
  readonly #known: readonly Outcome[];
  readonly #onTrained: OnTrained;
  #count = 0;
  /** SHA-256 of the model file as the last trial that is kept wrote it. */
  #kept: string | undefined;

  private constructor(work: TrialWork, known: readonly Outcome[], onTrained: OnTrained) {
    this.#work = work;
    this.#known = known;
    this.#onTrained = onTrained;
  }

  /** Goes on behind the trials in the metrics file; `onTrained` gets each trained network. */
  static async open(work: TrialWork, onTrained: OnTrained): Promise<Trials> {
    const lines = await work.run.metrics.lines();
    const complain = (problems: string) =>
      new DataError(
        `${escapeInvisible(work.run.files.metrics)} holds a trial that is none:\n  ${problems}`,
      );
    const known = lines.flatMap((line) =>
      "trial" in line ? [parseAs(outcome, line.trial, complain)] : [],
    );
    return new Trials(work, known, onTrained);
  }

  /**
   * What the next trial reaches, from the file where that is known. A training that diverges is a failure, recorded as
   * any other result. Throws InterruptedError where the job is told to stop, and DataError where the file holds another
   * trial in its place.
   */
  async run(assignment: Assignment, prepare: PrepareTrial): Promise<Score> {
    const index = this.#count++;
    const { recipe, ...rest } = assignment;
    const asked = { ...rest, ...recipe };
    const known = this.#known[index];
    if (known) this.#assertSame(index, known, asked);
    const { result, modelSha256 } =
      known ?? (await this.#make(assignment, { prepare, index, asked }));
    this.#kept = modelSha256 ?? this.#kept;
    return result;
  }

  /** Throws DataError where the model file is not the one that a trial wrote. */
  async assertKept(): Promise<void> {
    const { run } = this.#work;
    if (this.#kept === undefined || (await run.modelSha256()) === this.#kept) return;
    throw new DataError(
      `${escapeInvisible(run.files.model)} is not the file that this run wrote: put that back and resume the run, or ` +
        "begin a new one",
    );
  }

  /** Makes a trial, and writes down what it came to. */
  async #make(
    assignment: Assignment,
    context: { prepare: PrepareTrial; index: number; asked: Omit<Outcome, keyof Reached> },
  ): Promise<Reached> {
    const { prepare, index, asked } = context;
    const { run, group } = this.#work;
    const trial = await prepare(assignment);
    const trained = await this.#train(trial, assignment, index);
    const reached = await group.share(async (): Promise<Reached> => {
      if (!trained) return { result: failure };
      const result = await scoreFrom(trial, trained);
      const modelSha256 = await this.#onTrained(trained, assignment);
      return { result, ...(modelSha256 !== undefined && { modelSha256 }) };
    });
    await run.metrics.append({ trial: { index, ...asked, ...reached } });
    return reached;
  }

  #assertSame(
    index: number,
    { result: _, modelSha256: __, ...known }: Outcome,
    asked: Omit<Outcome, keyof Reached>,
  ) {
    if (isDeepStrictEqual(known, asked)) return;
    const [expected, found] = [asked, known].map((each) => JSON.stringify(each));
    throw new DataError(
      `${escapeInvisible(this.#work.run.files.metrics)}: expected trial ${index} to be ${expected}, found ${found}: ` +
        "the file was changed, or is of another version of DeepObf. Begin a new run",
    );
  }

  async #train(
    trial: Trial,
    { arm, budget, seed, recipe, epochs, isSearch }: Assignment,
    index: number,
  ): Promise<Graph | undefined> {
    const { options, ...surroundings } = this.#work;
    const { mean, std, device, precision, batchSize, workers, crop, flip } = options;
    const training: TrainingOptions = {
      mean,
      std,
      device,
      precision,
      seed,
      augment: { crop, flip },
      ...(batchSize !== undefined && { batchSize }),
      ...(workers !== undefined && { workers }),
    };
    const { method, optimizer, learningRate } = recipe;
    const purpose = isSearch ? `search, seed ${seed},` : `seed ${seed}`;
    const name = `${arm} ${budget} ${purpose} ${method} ${optimizer} ${learningRate}`;
    try {
      return await fineTune({ ...trial, name, recipe, epochs }, training, {
        ...surroundings,
        index,
      });
    } catch (error) {
      if (error instanceof DivergedError) return undefined;
      throw error;
    }
  }
}

/** How a trained network is judged; one that gives no numbers is a failure. */
async function scoreFrom({ score }: Trial, trained: Graph): Promise<Score> {
  try {
    return await score(trained);
  } catch (error) {
    if (error instanceof ModelError) return failure;
    throw error;
  }
}
