// ONNX's backend test suite (Debian's libonnx-testdata) through the engine. The tolerance is that of ONNX's own
// runner.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { onnxTestData } from "../../native/system.mjs";
import { Network } from "../../src/engine/index.ts";
import type { TensorData } from "../../src/graph/graph.ts";
import { toNumbers } from "../../src/graph/tensorData.ts";
import { parseModel, readTensor } from "../../src/onnx/index.ts";
import {
  type DType,
  fromBytes,
  inferenceMode,
  scope,
  type Tensor,
  tensor,
} from "../../src/torch/index.ts";
import { skips } from "./skips.ts";

/** Where the suite lies; empty where it is missing. */
export const suite = onnxTestData().found ?? "";

const groups = ["node", "simple", "pytorch-converted", "pytorch-operator"];
const relativeTolerance = 1e-3;
const absoluteTolerance = 1e-7;

/** What became of a case: why it was skipped, or what was wrong; neither where it passed. */
export interface CaseResult {
  readonly name: string;
  readonly skipped?: string | undefined;
  readonly problem?: string | undefined;
}

/**
 * Runs the cases whose name has this in it, such as an operator's name, one after the other: by default all. Case and
 * underscores do not count, since "LeakyRelu" is "leakyrelu" there, and "ReduceMax" is "reduce_max". Throws an Error
 * where there is none.
 */
export function* runSuite(part = ""): Generator<CaseResult> {
  const plain = (name: string) => name.replaceAll("_", "").toLowerCase();
  const cases = groups
    .flatMap((group) =>
      readdirSync(join(suite, group))
        .sort()
        .map((name) => ({ group, name })),
    )
    .filter(({ name }) => plain(name).includes(plain(part)));
  if (cases.length === 0)
    throw new Error(
      `expected a part of a case's name, such as "conv"; none in ${suite} has "${part}"`,
    );
  for (const { group, name } of cases) {
    const skipped = skips.find(([skip]) => skip.test(`${group}/${name}`))?.[1];
    if (skipped) yield { name, skipped };
    else yield { name, problem: scope(() => runCase(join(suite, group, name))) };
  }
}

/** Runs all data sets of a case; gives what is wrong. */
function runCase(folder: string): string | undefined {
  try {
    const graph = parseModel(readFileSync(join(folder, "model.onnx")));
    const network = new Network(graph);
    const sets = readdirSync(folder).filter((name) => name.startsWith("test_data_set_"));
    for (const set of sets) {
      const read = (kind: string, index: number) =>
        readTensor(readFileSync(join(folder, set, `${kind}_${index}.pb`)));
      const inputs = graph.inputs.map(
        ({ name }, index) => [name, toTensor(read("input", index))] as const,
      );
      const outputs = inferenceMode(() => network.forward(Object.fromEntries(inputs)));
      for (const [index, { name }] of graph.outputs.entries()) {
        const expected = read("output", index);
        const actual = outputs[name];
        if (!actual) return `no output "${name}"`;
        if (String(actual.shape) !== String(expected.shape)) {
          return `"${name}" is [${actual.shape}], expected [${expected.shape}]`;
        }
        const problem = compare(actual.numbers(), toNumbers(expected));
        if (problem) return `"${name}": ${problem}`;
        if (!sameType(actual.dtype, expected.dtype)) {
          return `"${name}" is ${actual.dtype}, expected ${expected.dtype}`;
        }
      }
    }
    network.dispose();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.replaceAll("\n", " ") : String(error);
  }
}

function toTensor(data: TensorData): Tensor {
  if (data.dtype === "float16" || data.dtype === "bfloat16") {
    return tensor(toNumbers(data), { shape: data.shape });
  }
  if (data.dtype.startsWith("uint") && data.dtype !== "uint8") {
    throw new TypeError(`libtorch has no tensors of type ${data.dtype}`);
  }
  return fromBytes(data.data, { dtype: data.dtype as DType, shape: data.shape });
}

/** 16-bit floats are computed with in 32 bits. */
function sameType(actual: string, expected: string): boolean {
  return actual === expected || (actual === "float32" && /^b?float16$/.test(expected));
}

/** The first element that is off by more than the tolerance, in words. */
function compare(actual: readonly number[], expected: readonly number[]): string | undefined {
  for (const [index, want] of expected.entries()) {
    const got = actual[index] ?? Number.NaN;
    if (Object.is(got, want) || got === want || (Number.isNaN(got) && Number.isNaN(want))) continue;
    if (!(Math.abs(got - want) <= absoluteTolerance + relativeTolerance * Math.abs(want))) {
      return `element ${index} is ${got}, expected ${want}`;
    }
  }
  return undefined;
}
