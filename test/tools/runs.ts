// Records of runs for tests.
import type { ChainRun, Figures } from "../../tools/records/records.ts";

const figures: Figures = {
  accuracy: 0.9,
  parameters: 269_034,
  macs: 40_551_040,
  convolutions: 19,
  bytes: 1_092_225,
  latencyMs: { batch1: 0.5, batch64: 20 },
  sha256: "0123456789abcdef".repeat(4),
};

export interface Changes {
  readonly series?: string;
  readonly name?: string;
  readonly note?: string;
  readonly accuracy?: number;
  readonly seed?: number;
  readonly epochs?: number;
  readonly seconds?: number;
  readonly batch1?: number;
  readonly logitError?: number;
  readonly options?: string;
}

/** A run of depth 5 for a ResNet-20, as it is recorded. */
export function chainRun(changes: Changes = {}): ChainRun {
  const { series = "cifar10", name = "resnet20", note, accuracy = 0.89, seed = 0 } = changes;
  const { epochs = 16, seconds = 396, batch1 = 0.25, logitError = 0.0712, options = "" } = changes;
  return {
    series,
    name,
    ...(note && { note }),
    command: `deepobf obfuscate o/m.onnx --depth 5 --epochs ${epochs} --out runs/${seed} --seed ${seed}${options}`,
    original: figures,
    obfuscated: {
      ...figures,
      accuracy,
      parameters: 262_250,
      macs: 21_086_848,
      convolutions: 5,
      bytes: 1_050_234,
      latencyMs: { batch1, batch64: 8 },
    },
    verify: { agreement: 0.9026, logitError, trainingLogitError: 0.05 },
    depth: 5,
    epochs,
    seed,
    device: "cpu",
    precision: "bf16",
    seconds,
    peakMemoryBytes: 2_500_000_000,
  };
}

/** The cells of a table of Markdown, without its line of dashes. */
export function cells(table: string): string[][] {
  const rows = table
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| ---"));
  return rows.map((line) => line.slice(2, -2).split(" | "));
}
