// Tables of the benchmarks: a row a machine and libtorch.
import type { Benchmark } from "../records/records.ts";
import { type Column, table } from "./markdown.ts";

const place: readonly Column<Benchmark>[] = [
  ["machine", ({ name }) => name],
  ["libtorch", ({ versions }) => versions.libtorch.replace(/\.\d+$/, "")],
];
const note: Column<Benchmark> = ["note", (benchmark) => benchmark.note ?? ""];

type Timed = Readonly<Record<string, { readonly millisecondsPerStep: number } | undefined>>;

function milliseconds(benchmark: Benchmark, side: string): number | undefined {
  return (benchmark.results as Timed)[side]?.millisecondsPerStep;
}

/** How many times as fast as Python's PyTorch, in the median round. */
function speedup(benchmark: Benchmark, precision: string, peer: string): string {
  const { speedups } = benchmark as unknown as {
    readonly speedups: Readonly<Record<string, Readonly<Record<string, number>> | undefined>>;
  };
  return speedups[precision]?.[peer]?.toFixed(2) ?? "";
}

/** Milliseconds of one training step. */
export function trainTable(benchmarks: readonly Benchmark[]): string {
  const time = (title: string, side: string): Column<Benchmark> => [
    title,
    (benchmark) => milliseconds(benchmark, side) ?? "",
  ];
  const ratio = (title: string, precision: string, peer: string): Column<Benchmark> => [
    title,
    (benchmark) => speedup(benchmark, precision, peer),
  ];
  return table(benchmarks, [
    ...place,
    time("PyTorch as it comes, f32", "pytorch"),
    time("PyTorch's best, f32", "pytorchBest_f32"),
    time("PyTorch's best, bf16", "pytorchBest_bf16"),
    time("DeepObf, f32", "f32"),
    time("DeepObf, bf16", "bf16"),
    ratio("f32 over PyTorch as it comes", "f32", "overPytorchAsItComes"),
    ratio("over its best", "f32", "overPytorchAtItsBest"),
    ratio("bf16 over PyTorch as it comes", "bf16", "overPytorchAsItComes"),
    ratio("over its best", "bf16", "overPytorchAtItsBest"),
  ]);
}

/** Microseconds of one call, ours and Python's. */
export function overheadTable(benchmarks: readonly Benchmark[]): string {
  const call = (title: string, name: string): Column<Benchmark> => [
    title,
    ({ results }) => {
      const calls = results as Readonly<
        Record<string, { readonly microseconds: number; readonly pytorchMicroseconds: number }>
      >;
      return `${calls[name]?.microseconds} / ${calls[name]?.pytorchMicroseconds}`;
    },
  ];
  return table(benchmarks, [
    ...place,
    call("addition of 8 elements", "add"),
    call("with gradient", "addWithGradient"),
    call("ReLU", "relu"),
    call("with gradient", "reluWithGradient"),
    call("convolution", "conv"),
    call("with gradient", "convWithGradient"),
  ]);
}

/** Megabytes of the resident set after 20, 200 and 400 steps. */
export function memoryTable(benchmarks: readonly Benchmark[]): string {
  const side = (title: string, precision: string, name: string): Column<Benchmark> => [
    title,
    ({ results }) => {
      const sizes = (
        results as Readonly<Record<string, Readonly<Record<string, Record<string, number>>>>>
      )[precision]?.[name];
      return Object.values(sizes ?? {})
        .map((bytes) => (bytes / 1e6).toFixed(1))
        .join(" / ");
    },
  ];
  return table(benchmarks, [
    ...place,
    side("DeepObf, f32", "f32", "deepobf"),
    side("PyTorch's best, f32", "f32", "pytorch"),
    side("DeepObf, bf16", "bf16", "deepobf"),
    side("PyTorch's best, bf16", "bf16", "pytorch"),
    note,
  ]);
}

/** Milliseconds to make a batch, beside those of a step. */
export function dataTable(benchmarks: readonly Benchmark[]): string {
  const figure = (title: string, show: (results: Readonly<Record<string, number>>) => string) =>
    [title, ({ results }: Benchmark) => show(results as Readonly<Record<string, number>>)] as const;
  return table(benchmarks, [
    ...place,
    figure("a batch, ms", (results) => String(results.millisecondsPerBatch)),
    figure("a step, ms", (results) => String(results.millisecondsPerStep)),
    figure("share", (results) => `${(100 * results.shareOfStep!).toFixed(2)} %`),
  ]);
}

interface Convolution {
  readonly channels: number;
  readonly size: number;
  readonly milliseconds: { readonly libtorch: number; readonly ours: number };
}

/** Milliseconds of single convolutions, libtorch's and ours. */
export function convolutionTable(benchmarks: readonly Benchmark[]): string {
  const shapes = benchmarks.flatMap(({ results }) =>
    (results as Convolution[]).map(({ channels, size }) => `${channels}, ${size}×${size}`),
  );
  const columns = [...new Set(shapes)].map(
    (shape): Column<Benchmark> => [
      shape,
      ({ results }) => {
        const found = (results as Convolution[]).find(
          ({ channels, size }) => `${channels}, ${size}×${size}` === shape,
        );
        return found ? `${found.milliseconds.libtorch} / ${found.milliseconds.ours}` : "";
      },
    ],
  );
  return table(benchmarks, [...place, ...columns, note]);
}

interface AmxConvolution {
  readonly inputs: number;
  readonly outputs: number;
  readonly size: number;
  readonly stride: number;
  readonly milliseconds: { readonly libtorch: number; readonly ours: number };
  readonly ratio: number;
}

/** Milliseconds of single convolutions in bf16, libtorch's and ours; a row a shape. */
export function amxTable(benchmarks: readonly Benchmark[]): string {
  const rows = benchmarks.flatMap((benchmark) =>
    (benchmark.results as AmxConvolution[]).map((result) => ({ ...benchmark, result })),
  );
  return table(rows, [
    ...place,
    ["channels", ({ result: { inputs, outputs } }) => `${inputs} → ${outputs}`],
    ["map", ({ result: { size } }) => `${size}×${size}`],
    ["stride", ({ result }) => result.stride],
    ["libtorch, ms", ({ result }) => result.milliseconds.libtorch],
    ["ours, ms", ({ result }) => result.milliseconds.ours],
    ["times as fast", ({ result }) => result.ratio.toFixed(2)],
  ]);
}
