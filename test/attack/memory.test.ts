// What an attack says that it will take of memory.
import { expect, test } from "vitest";
import { memoryOf } from "../../src/attack/job.ts";
import type { ResolvedAttackOptions } from "../../src/attack/options.ts";
import type { Labelled } from "../../src/data/index.ts";
import { memoryOfTraining } from "../../src/jobs/index.ts";
import { quarters } from "../train/tiny.ts";
import { chain, folded } from "./pair.ts";

const of = (train: Labelled) => ({ train, test: train });
const data = of(quarters(140) as Labelled);

const need = (
  changes: Partial<ResolvedAttackOptions> = {},
  inputs: Partial<Parameters<typeof memoryOf>[0]> = {},
) =>
  memoryOf(
    { graphs: { original: folded, obfuscated: chain }, data, source: undefined, ...inputs },
    {
      kind: "transfer",
      budgets: [0.4, 0.8],
      precision: "f32",
      ...changes,
    } as ResolvedAttackOptions,
  );

test.each([
  ["of the largest budget", {}, {}, 16],
  ["that were asked for", { batchSize: 40 }, {}, 40],
  ["that there are", { batchSize: 400 }, {}, 112],
  ["that workers share alike", { workers: 3 }, {}, 15],
  [
    "of an extraction's own task",
    { kind: "extraction" },
    { source: of(quarters(560) as Labelled) },
    64,
  ],
  [
    "with the exemplars of old classes",
    { kind: "incremental", budgets: [0.4] },
    { source: of(quarters(140) as Labelled) },
    16,
  ],
] as const)("batches are those %s", (_, options, inputs, size) => {
  expect(need(options, inputs).batchSize).toBe(size);
});

test("is that of the network that takes more", () => {
  const asked = { precision: "f32", batchSize: 16 } as const;
  const [large, small] = [folded, chain].map((graph) => memoryOfTraining(graph, asked));
  expect(large!.perImage).toBeGreaterThan(small!.perImage);
  expect(need()).toEqual(large);
  expect(need({}, { graphs: { original: chain, obfuscated: folded } })).toEqual(large);
});
