// Which runs a call of `npm run ablations` asks for, and which of them are recorded already.
import { join } from "node:path";
import { optionsOf, originalOf } from "../records/commands.ts";
import { type ChainRun, heldOut } from "../records/records.ts";

/** Options of `deepobf obfuscate` by the name of what is compared. */
export const variants: Readonly<Record<string, readonly string[]>> = {
  "labels-only": ["--feature-weight", "0", "--label-weight", "1", "--distillation-weight", "0"],
  "features-only": ["--label-weight", "0", "--distillation-weight", "0"],
  "no-features": ["--feature-weight", "0"],
  "no-distillation": ["--distillation-weight", "0"],
  "direct-joint": [],
  "recursive-joint": ["--simulation", "recursive"],
  sgd: ["--optimizer", "sgd"],
};

/** A run to make. */
export interface Trial {
  /** The original's file, without folder and extension. */
  readonly series: string;
  readonly name: string;
  readonly depth: number;
  readonly epochs: number;
  readonly seed: number;
  /** Training images that judge it; 0 where the test set does. */
  readonly heldOut: number;
  /** Its arguments of `deepobf obfuscate`, but for the folder. */
  readonly arguments: readonly string[];
}

/**
 * The runs that the arguments ask for: `MODEL --depth N --epochs N,... [--variants NAME,...] [--seeds N,...]`;
 * all others go to `deepobf obfuscate`. All variants and the seeds 0 to 2 unless some are named; a call that is
 * cut off has compared all variants with the first seeds. Throws an Error for a name or number that is none.
 */
export function planTrials(given: readonly string[]): Trial[] {
  const { taken, rest } = takeOptions(given, ["--depth", "--epochs", "--variants", "--seeds"]);
  const [model = ""] = rest;
  if (!model.endsWith(".onnx")) throw new Error(`expected the original first, received "${model}"`);
  const names = taken.get("--variants")?.split(",") ?? Object.keys(variants);
  const unknown = names.filter((name) => !variants[name]);
  if (unknown.length > 0)
    throw new Error(
      `--variants: expected some of ${Object.keys(variants).join(", ")}; received ${unknown.join(", ")}`,
    );
  const depth = numbers("--depth", taken.get("--depth"))[0]!;
  const seeds = numbers("--seeds", taken.get("--seeds") ?? "0,1,2");
  const judging = numbers("--hold-out", optionsOf(rest.join(" ")).get("--hold-out") ?? "0")[0]!;
  return numbers("--epochs", taken.get("--epochs")).flatMap((epochs) =>
    seeds.flatMap((seed) =>
      names.map((name) => ({
        series: originalOf(`deepobf obfuscate ${model}`),
        name,
        depth,
        epochs,
        seed,
        heldOut: judging,
        arguments: [
          ...[...rest, "--depth", `${depth}`, "--epochs", `${epochs}`, "--seed", `${seed}`],
          ...variants[name]!,
        ],
      })),
    ),
  );
}

/** The values of a tool's own options, and the other arguments. Throws an Error for an option without its value. */
export function takeOptions(
  given: readonly string[],
  options: readonly string[],
): { taken: ReadonlyMap<string, string>; rest: string[] } {
  const taken = new Map<string, string>();
  const rest = [...given];
  for (const option of options) {
    const at = rest.indexOf(option);
    if (at < 0) continue;
    const [, value = ""] = rest.splice(at, 2);
    if (value === "" || value.startsWith("--"))
      throw new Error(`${option}: expected a value, received "${value}"`);
    taken.set(option, value);
  }
  return { taken, rest };
}

/** Whether a record of the same original, depth, number of epochs, variant, seed and judging images is there. */
export function isRecorded(trial: Trial, records: readonly ChainRun[]): boolean {
  const keys = ["series", "name", "depth", "epochs", "seed"] as const;
  return records.some(
    (record) =>
      keys.every((key) => record[key] === trial[key]) && heldOut(record) === trial.heldOut,
  );
}

/** The folder of a run, below the working directory. */
export function folderOf({ series, name, depth, epochs, seed, heldOut }: Trial): string {
  return join("runs", "ablations", `${series}-${depth}-e${epochs}-${name}-s${seed}-h${heldOut}`);
}

/** The whole numbers of an option. Throws an Error for what is none. */
export function numbers(option: string, text = ""): number[] {
  const words = text.split(",");
  if (words.every((word) => /^\d+$/.test(word))) return words.map(Number);
  throw new Error(`${option}: expected whole numbers, such as 3,16; received "${text}"`);
}

/** The numbers of an option. Throws an Error for what is none. */
export function decimals(option: string, text: string): number[] {
  const words = text.split(",");
  if (words.every((word) => word !== "" && Number.isFinite(Number(word)))) return words.map(Number);
  throw new Error(`${option}: expected numbers, such as 0.05,0.1; received "${text}"`);
}
