// docs/results.md: its figures are those of the recorded runs.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ModelFigures, ObfuscateSummary } from "../../src/obfuscate/index.ts";
import { root } from "../cli/deepobf.ts";

let folder = "";
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "results-")), "results");
  mkdirSync(join(folder, "ablations"), { recursive: true });
});
afterEach(() => rmSync(dirname(folder), { recursive: true }));

const figures: ModelFigures = {
  ...{ accuracy: 0.9, parameters: 269_034, macs: 40_551_040, convolutions: 19, bytes: 1_092_225 },
  ...{ latencyMs: { batch1: 0.5, batch64: 20 }, sha256: "0123456789abcdef".repeat(4) },
};

interface Changes {
  readonly accuracy?: number;
  readonly seed?: number;
  readonly batch1?: number;
  readonly options?: string;
}

/** A run of depth 5 as `deepobf obfuscate --json` prints it. */
function run({ accuracy = 0.89, seed = 0, batch1 = 0.25, options = "" }: Changes = {}) {
  const summary: ObfuscateSummary & { command: string } = {
    command: `deepobf obfuscate m.onnx --depth 5 --seed ${seed}${options}`,
    original: figures,
    obfuscated: {
      ...{ ...figures, accuracy, parameters: 262_250, macs: 21_086_848, convolutions: 5 },
      ...{ bytes: 1_050_234, latencyMs: { batch1, batch64: 8 } },
    },
    verify: {
      ...{ maxAbsDiff: 0, maxRelDiff: 0, agreement: 0.9026 },
      ...{ logitError: 0.0712, trainingLogitError: 0.05, maxAbsDiffToOriginal: 1 },
    },
    ...{ depth: 5, epochs: 16, seed, device: "cpu", precision: "bf16", seconds: 396, versions: {} },
    peakMemoryBytes: 2_500_000_000,
    files: { model: "", summary: "", metrics: "", config: "" },
  };
  return JSON.stringify(summary);
}

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
}

function script(...args: string[]) {
  const command = [join(root, "scripts", "document-results.mjs"), ...args];
  const { status, stderr } = spawnSync(process.execPath, command, { encoding: "utf8" });
  return { status, stderr };
}

/** The document that the script writes for the folder, and the cells of its tables' rows. */
function document(): { text: string; rows: string[][] } {
  expect(script(folder)).toEqual({ status: 0, stderr: "" });
  const text = readFileSync(join(dirname(folder), "results.md"), "utf8");
  const lines = text.split("\n").filter((line) => line.startsWith("| "));
  return { text, rows: lines.map((line) => line.slice(2, -2).split(" | ")) };
}

test("the figures of every run, and their means over seeds", () => {
  write({
    "cifar10-resnet20-5-s0.json": run(),
    "cifar10-resnet20-5-s10.json": run({ seed: 10, accuracy: 0.91, batch1: 0.3 }),
    "bench-train-1.13.json": "{}",
  });
  const { text, rows } = document();
  const name = (seed: string) => ["resnet20", "5", seed];
  const common = ["16", "6.6", "cpu, bf16"];
  expect(rows.filter(([first]) => first === "resnet20")).toEqual([
    [...name("0"), ...common, "90.00 % → 89.00 %", "-1.00", "90.26 %"],
    [...name("10"), ...common, "90.00 % → 91.00 %", "+1.00", "90.26 %"],
    ...["0", "10"].map((seed) => [
      ...[...name(seed), "269 k → 262 k", "40.6 M → 21.1 M", "19 → 5"],
      `0.500 ms → ${seed === "0" ? "0.250 ms (0.50)" : "0.300 ms (0.60)"}`,
      ...["20.0 ms → 8.00 ms (0.40)", "1.09 MB → 1.05 MB", "`0123456789ab`"],
    ]),
    [...name("2"), "16", "90.00 %", "90.00 %", "0.00", "90.26 %", "0.55", "0.40"],
  ]);
  expect(text).toContain("\ndeepobf obfuscate m.onnx --depth 5 --seed 10\n");
  expect(text).toContain("--hold-out 5000");
  expect(text).not.toContain("Ablations");
});

test("runs with large images, and what they took", () => {
  write({ "large-resnet18-5-s0.json": run() });
  const { text, rows } = document();
  expect(text).toContain("## Large images");
  const accuracy = "90.00 % → 89.00 %";
  expect(rows.slice(2)).toEqual([
    [
      "resnet18",
      "5",
      "16",
      "6.6",
      "2.50 GB",
      accuracy,
      "40.6 M → 21.1 M",
      "0.500 ms → 0.250 ms (0.50)",
    ],
  ]);
});

test("ablations with mean, deviation and what judged them", () => {
  const options = " --hold-out 5000";
  write({
    "ablations/sgd-s0.json": run({ accuracy: 0.88, options }),
    "ablations/sgd-s1.json": run({ accuracy: 0.9, seed: 1, options }),
    "ablations/direct-s0.json": run({ accuracy: 0.895 }),
  });
  const { text, rows } = document();
  expect(rows.slice(2)).toEqual([
    ["direct", "16", "6.6", "the test set", "90.00 %", "89.50 %", "-", "7.12 %", "0"],
    ["sgd", "16", "6.6", "5000 held-out images", "90.00 %", "89.00 %", "1.41 %", "7.12 %", "0, 1"],
  ]);
  expect(text).toContain("no run recorded");
});

test("says where no run is recorded", () => {
  const { text, rows } = document();
  expect(text).toContain("no run recorded");
  expect(rows).toEqual([]);
});

test("--check fails where the document is not what would be written, and writes nothing", () => {
  write({ "cifar10-resnet20-5-s0.json": run() });
  document();
  expect(script(folder, "--check").status).toBe(0);
  write({ "cifar10-resnet20-5-s0.json": run({ accuracy: 0.5 }) });
  for (let time = 0; time < 2; time++) {
    const { status, stderr } = script(folder, "--check");
    expect(status).not.toBe(0);
    expect(stderr).toContain("results.md is not up to date: run npm run results");
  }
});

test.each([
  ["another depth", "cifar10-resnet20-7-s0.json", run(), "does not fit depth 5 and seed 0"],
  ["another seed", "cifar10-resnet20-5-s1.json", run(), "does not fit depth 5 and seed 0"],
  ["no seed", "cifar10-resnet20-5.json", run(), "expected a name such as cifar10-NAME-s0.json"],
  [
    ...["held-out images", "cifar10-resnet20-5-s0.json"],
    ...[run({ options: " --hold-out 100" }), "belong in ablations/"],
  ],
  ["nothing yet", "cifar10-resnet20-5-s0.json", "", "expected what deepobf obfuscate --json"],
])("refuses a file with %s", (_, file, content, message) => {
  write({ [file as string]: content as string });
  const { status, stderr } = script(folder);
  expect(status).not.toBe(0);
  expect(stderr).toContain(file);
  expect(stderr).toContain(message);
});

test("docs/results.md is up to date", () => {
  expect(script("--check")).toEqual({ status: 0, stderr: "" });
});
