// What every benchmark prints: one JSON object with the machine, the versions and the results.

import { availableParallelism, cpus, loadavg } from "node:os";
import { join } from "node:path";
import { cpuHasBfloat16, libtorchVersion } from "../src/torch/index.ts";
import { appendRecord, root } from "../tools/records/records.ts";
import type { BenchOptions } from "./options.ts";

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
