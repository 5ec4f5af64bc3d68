// The course of an attack: at every budget and from every starting point the pirate searches a recipe on images of his
// own, and the best one is run with all seeds and judged by the test images, which no recipe was chosen by.
import { UsageError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Training } from "./fineTune.ts";
import { type Arm, type ArmName, arms, armTable, spread } from "./headStart.ts";
import type { ResolvedAttackOptions } from "./options.ts";
import { beyond, grid, type Recipe } from "./recipes.ts";
import type { Inputs, Scene } from "./scene.ts";
import { type Score, search } from "./search.ts";

/** One training that a kind of attack is asked for. */
export interface Assignment {
  readonly arm: ArmName;
  readonly budget: number;
  readonly seed: number;
  readonly recipe: Recipe;
  /** Passes over the images, of which the last may be a part. */
  readonly epochs: number;
  /** Whether it is judged by a part of the pirate's own images; else by the test images. */
  readonly isSearch: boolean;
}

/** What is trained for an assignment, and how its result is judged. */
export interface Trial extends Omit<Training, "name" | "recipe" | "epochs"> {
  readonly score: (trained: Graph) => Promise<Score>;
}

/** Prepares what is trained for an assignment. */
export type PrepareTrial = (assignment: Assignment) => Promise<Trial>;

/** A kind of attack. */
export interface Kind {
  /** From a starting point, groups of methods: the best of each group is chosen by the search and reported. */
  groups(arm: ArmName, inputs: Inputs): readonly (readonly string[])[];
  begin(scene: Scene): PrepareTrial;
}

/** Whose methods are looked for: an attack's inputs and options. */
type Asked = Pick<Scene, "inputs" | "options">;

/** Throws UsageError where the methods that were asked for leave a file none. */
export function assertMethods(kind: Kind, asked: Asked): void {
  const { methods = [] } = asked.options;
  for (const arm of arms) {
    if (groupsFor(kind, arm, asked).length > 0) continue;
    throw new UsageError(
      `--methods: expected some of ${kind.groups(arm, asked.inputs).flat().join(", ")}, which these data allow, ` +
        `received ${methods.join(", ") || "none"}`,
    );
  }
}

/** Carries trainings out, or knows already what they came to. */
interface Attempts {
  run(assignment: Assignment, prepare: PrepareTrial): Promise<Score>;
}

/** Carries an attack out. Throws InterruptedError where the job is told to stop. */
export async function carryOut(kind: Kind, scene: Scene, trials: Attempts): Promise<Arm[]> {
  const { options } = scene;
  const prepare = kind.begin(scene);
  const results: Arm[] = [];
  for (const budget of options.budgets) {
    for (const arm of arms) {
      for (const methods of groupsFor(kind, arm, scene)) {
        const start = { arm, budget, methods };
        results.push(await measure(start, { prepare, options, trials }));
      }
    }
  }
  return results;
}

/** Searches the best recipe and runs it with all seeds. */
async function measure(
  { arm, budget, methods }: { arm: ArmName; budget: number; methods: readonly string[] },
  context: { prepare: PrepareTrial; options: ResolvedAttackOptions; trials: Attempts },
): Promise<Arm> {
  const { prepare, options, trials } = context;
  const { epochs, seed, seeds } = options;
  const attempt = (each: Pick<Assignment, "seed" | "recipe" | "epochs" | "isSearch">) =>
    trials.run({ arm, budget, ...each }, prepare);
  const best = await search(grid(methods, options), {
    epochs,
    seeds,
    attempt: (recipe, short, i) =>
      attempt({ seed: seed + i, recipe, epochs: short, isSearch: true }),
    // Rates that were asked for are all that is tried.
    beyond: options.learningRates ? () => undefined : beyond,
  });
  const scores: Score[] = [];
  for (let i = 0; i < seeds; i++) {
    scores.push(await attempt({ seed: seed + i, recipe: best, epochs, isSearch: false }));
  }
  const accuracies = scores.map(({ accuracy }) => accuracy);
  const isTold = scores.some(({ parts }) => parts);
  const parts = scores.map((score) => score.parts ?? { old: 0, new: 0 });
  const { method, learningRate, optimizer } = best;
  return {
    arm,
    method,
    budget,
    accuracies,
    ...spread(accuracies),
    learningRate,
    optimizer,
    ...(isTold && {
      oldAccuracies: parts.map(({ old }) => old),
      newAccuracies: parts.map((each) => each.new),
    }),
  };
}

/** The groups with the methods that were asked for. Random weights keep theirs where these are none of them. */
function groupsFor(
  kind: Kind,
  arm: ArmName,
  { inputs, options: { methods } }: Asked,
): (readonly string[])[] {
  const groups = kind.groups(arm, inputs);
  const asked = groups.map((group) => group.filter((name) => methods?.includes(name) ?? true));
  const left = asked.filter((group) => group.length > 0);
  return left.length === 0 && armTable[arm].isScratch ? [...groups] : left;
}
