// What every benchmark prints: one JSON object with the machine, the versions and the results.
import { writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { cpuHasBfloat16, libtorchVersion } from "../src/torch/index.ts";

/** Options that all benchmarks of the binding take. */
export interface BenchOptions {
  readonly python: string | undefined;
  readonly rounds: number;
  readonly threads: number;
  /** Number of images, for benchmarks that make them. */
  readonly images: number | undefined;
  /** File that gets the report too. */
  readonly out: string | undefined;
}

export function readOptions(defaults: { rounds: number; threads?: number }): BenchOptions {
  const { values } = parseArgs({
    options: {
      python: { type: "string" },
      rounds: { type: "string", default: String(defaults.rounds) },
      threads: { type: "string", default: String(defaults.threads ?? availableParallelism()) },
      images: { type: "string" },
      out: { type: "string" },
    },
  });
  return {
    python: values.python,
    rounds: Number(values.rounds),
    threads: Number(values.threads),
    images: values.images === undefined ? undefined : Number(values.images),
    out: values.out,
  };
}

/** Prints the report, and writes it where `--out` says. */
export function report(benchmark: string, options: BenchOptions, results: object): void {
  const { threads, rounds } = options;
  const text = JSON.stringify(
    {
      benchmark,
      date: new Date().toISOString().slice(0, 10),
      machine: {
        cpu: cpus()[0]?.model.trim(),
        cores: availableParallelism(),
        bf16: cpuHasBfloat16(),
        load: round(loadavg()[0]!),
      },
      versions: { node: process.versions.node, libtorch: libtorchVersion() },
      ...{ threads, rounds },
      ...results,
    },
    null,
    2,
  );
  console.log(text);
  if (options.out) writeFileSync(options.out, `${text}\n`);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Three digits, enough for a measurement. */
export function round(value: number): number {
  return Number(value.toPrecision(3));
}
