// What every benchmark prints: one JSON object with the machine, the versions and the results.

import { availableParallelism, cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cpuHasBfloat16, libtorchVersion } from "../src/torch/index.ts";
import { appendRecord, root } from "../tools/records/records.ts";

/** Options that all benchmarks of the binding take. */
export interface BenchOptions {
  readonly python: string | undefined;
  readonly rounds: number;
  readonly threads: number;
  /** The machine's name, under which the report is recorded. */
  readonly record: string | undefined;
  /** Number of images, for benchmarks that make them. */
  readonly images: number | undefined;
}

export function readOptions(defaults: { rounds: number; threads?: number }): BenchOptions {
  const { values } = parseArgs({
    options: {
      python: { type: "string" },
      rounds: { type: "string", default: String(defaults.rounds) },
      threads: { type: "string", default: String(defaults.threads ?? availableParallelism()) },
      record: { type: "string" },
      images: { type: "string" },
    },
  });
  return {
    python: values.python,
    rounds: Number(values.rounds),
    threads: Number(values.threads),
    record: values.record,
    images: values.images === undefined ? undefined : Number(values.images),
  };
}

/** Prints the report, and adds it to records/bench.jsonl where `--record` names the machine. */
export function report(
  benchmark: string,
  { threads, rounds, record }: Pick<BenchOptions, "threads" | "rounds" | "record">,
  results: object,
): void {
  const measured = {
    date: new Date().toISOString().slice(0, 10),
    machine: {
      cpu: cpus()[0]?.model.trim(),
      cores: availableParallelism(),
      bf16: cpuHasBfloat16(),
      load: round(loadavg()[0]!),
    },
    versions: { node: process.versions.node, libtorch: libtorchVersion() },
    threads,
    rounds,
    ...results,
  };
  console.log(JSON.stringify({ benchmark, ...measured }, null, 2));
  if (record === undefined) return;
  const path = join(root, "records", "bench.jsonl");
  appendRecord(path, { series: benchmark, name: record, ...measured });
}

/** Three digits, enough for a measurement. */
export function round(value: number): number {
  return Number(value.toPrecision(3));
}
