// The tables of docs/operators.md: what the engine runs, and how networks of other programs do on it.
import { signatures } from "../../src/engine/signatures.ts";
import { families } from "../../src/engine/table.ts";
import { opsets } from "../../src/onnx/versions.ts";
import type { ExportCheck } from "../records/records.ts";
import { table } from "./markdown.ts";

/** What of an operator is not supported, or differs. */
const notes: Readonly<Record<string, string>> = {
  Attention: "first output only; no past keys and values",
  AveragePool: "one to three spatial axes",
  BatchNormalization:
    "`spatial` 0 is refused; training updates the running variance as PyTorch does (unbiased)",
  Cast: "16-bit floats are rounded, then kept in 32 bits; not to strings, float8 or unsigned integers above 8 bits",
  CastLike: "as Cast, without the rounding",
  DequantizeLinear: "a scale for the tensor or for each slice of an axis, no blocks",
  Dropout: "the mask comes from libtorch's generator",
  Einsum: "no repeated subscript in the result",
  LpPool: "one to three spatial axes",
  MaxPool: "one to three spatial axes",
  QuantizeLinear: "to uint8, int8 and int16; no blocks",
  Scatter: "the old name of ScatterElements",
  Upsample: "the old form of Resize",
};

/** Every operator by family, with the opsets on which it runs. */
export function operatorTables(): string {
  const sections = Object.entries(families).map(([title, operators]) => {
    const rows = table(Object.keys(operators).sort(), [
      ["operator", (name) => `[${name}](https://onnx.ai/onnx/operators/onnx__${name}.html)`],
      ["opsets", (name) => `${firstOpset(name)}-${opsets.newest}`],
      ["notes", (name) => notes[name] ?? ""],
    ]);
    return `## ${title}\n\n${rows}`;
  });
  const summary = `${signatures.size} operators, on opsets ${opsets.oldest} to ${opsets.newest}:`;
  return [summary, ...sections].join("\n\n");
}

function firstOpset(name: string): number {
  return Math.max(signatures.get(name)?.since ?? 0, opsets.oldest);
}

/** Whether one of PyTorch's exporters made the file. */
const isOfPyTorch = ({ name }: ExportCheck) => /\.(dynamo|torchscript)\d+$/.test(name);

/** The largest difference of each network that another framework exported. */
export function otherExportTable(exports: readonly ExportCheck[]): string {
  const checks = exports.filter((check) => !isOfPyTorch(check));
  return table(checks, [
    ["network", ({ name }) => name.split(".")[0]!],
    ["exporter", ({ name }) => name.split(".")[1]!],
    ["difference", ({ difference }) => difference?.toExponential(1) ?? "-"],
  ]);
}

/** The largest difference of each network's exports from PyTorch; a column an exporter. */
export function exportTable(exports: readonly ExportCheck[]): string {
  const checks = exports.filter(isOfPyTorch);
  const parts = (index: number) => [...new Set(checks.map(({ name }) => name.split(".")[index]!))];
  const cell = (network: string, exporter: string) =>
    checks.find(({ name }) => name === `${network}.${exporter}`)?.difference?.toExponential(1) ??
    "-";
  return table(parts(0), [
    ["network", (network) => network],
    ...parts(1).map(
      (exporter) => [exporter, (network: string) => cell(network, exporter)] as const,
    ),
  ]);
}
