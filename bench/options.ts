// What benchmarks are given.
import { availableParallelism } from "node:os";
import { type ParseArgsConfig, parseArgs } from "node:util";

/** Options of the benchmarks that use the binding. */
export interface BenchOptions {
  readonly python: string | undefined;
  readonly rounds: number;
  readonly threads: number;
  /** The machine's name, under which the report is recorded. */
  readonly record: string | undefined;
  /** Number of images, for benchmarks that make them. */
  readonly images: number | undefined;
}

/** What a benchmark takes besides `--record`. */
interface Taken {
  /** How many rounds by default; where it is left out there is one, and no option. */
  readonly rounds?: number;
  /** How many threads it always has; where it is left out there is an option, and all processors by default. */
  readonly threads?: number;
  readonly more?: readonly ("python" | "images")[];
}

/** Reads the options that a benchmark takes. Others end the program with code 2: what has no effect is not recorded. */
export function readOptions({ rounds, threads, more = [] }: Taken): BenchOptions {
  const names = [
    "record",
    ...(rounds === undefined ? [] : ["rounds"]),
    ...(threads === undefined ? ["threads"] : []),
    ...more,
  ];
  const { values } = parseOptions({
    options: Object.fromEntries(names.map((name) => [name, { type: "string" as const }])),
  });
  return {
    python: values.python,
    rounds: Number(values.rounds ?? rounds ?? 1),
    threads: Number(values.threads ?? threads ?? availableParallelism()),
    record: values.record,
    images: values.images === undefined ? undefined : Number(values.images),
  };
}

/** Reads a command line. One that holds something else ends the program with code 2. */
export function parseOptions<T extends ParseArgsConfig>(config: T) {
  try {
    return parseArgs(config);
  } catch (error) {
    refuse(error instanceof Error ? error.message : String(error));
  }
}

/** Ends the program with code 2 and what is wrong with its command line. */
export function refuse(problem: string): never {
  console.error(`error: ${problem}`);
  process.exit(2);
}
