// The table of shipped files in int8, by DeepObf and by ONNX Runtime's own quantizer.
import { percent } from "../../src/numbers.ts";
import type { Benchmark } from "../records/records.ts";
import { type Column, table } from "./markdown.ts";

interface Judged {
  readonly accuracy: number;
  readonly agreement: number;
}

type Results = Readonly<Record<"float32" | "int8" | "perTensor" | "perChannel", Judged>>;

/** A row a chain: accuracy as it is and of each int8 file, and how often that answers alike. */
export function quantizerTable(benchmarks: readonly Benchmark[]): string {
  const judged = (title: string, name: keyof Results): Column<Benchmark>[] => [
    [title, ({ results }) => percent((results as Results)[name].accuracy)],
    ["alike", ({ results }) => percent((results as Results)[name].agreement)],
  ];
  return table(benchmarks, [
    ["chain", ({ name }) => name],
    ["float32", ({ results }) => percent((results as Results).float32.accuracy)],
    ...judged("`--quantize int8`", "int8"),
    ...judged("ONNX Runtime, a scale for each layer", "perTensor"),
    ...judged("a scale for each channel", "perChannel"),
  ]);
}
