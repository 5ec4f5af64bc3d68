// Configuration files that nobody wrote: whatever JSON they hold, they are read, or refused in a few words that name
// what is wrong.
import { writeFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { trainingOptions } from "../../src/cli/dataOptions.ts";
import { type OptionTable, optionName } from "../../src/cli/options.ts";
import { readOptions } from "../../src/cli/readOptions.ts";
import { UsageError } from "../../src/errors.ts";
import { workshop } from "../workshop.ts";

const path = workshop()("options.json");
const table: OptionTable = trainingOptions;
const names = Object.values(table).map(optionName);
const number = Number(process.env.DEEPOBF_CONFIGURATIONS ?? 2000);

const name = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...names) },
  fc.constantFrom("__proto__", "constructor", "job", "options", "Epochs", "epoch", "\u001b[2J"),
  fc.string({ maxLength: 20 }),
);
const value = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(-1, 0, 0.1, 1e300, 2 ** 53, "", "muon", "cpu", "idx:data", null, true, [], {}),
  fc.string({ maxLength: 30 }),
  fc.array(fc.double(), { maxLength: 4 }),
  fc.jsonValue({ maxDepth: 2 }),
);
const configuration = fc.oneof(
  { weight: 9, arbitrary: fc.array(fc.tuple(name, value), { maxLength: 8 }) },
  fc.array(fc.tuple(fc.constantFrom("job", "options"), value), { maxLength: 2 }),
);

/** Reads a configuration; what is wrong with it, if anything. */
async function complaintAbout(text: string): Promise<string | undefined> {
  writeFileSync(path, text);
  try {
    await readOptions(
      { ...table, config: table.data! },
      { given: { config: path }, command: "train" },
    );
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message;
  }
}

test("generated configurations are read or refused, with the option", async () => {
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(configuration, async (entries) => {
      const text = JSON.stringify(Object.fromEntries(entries));
      const complaint = await complaintAbout(text);
      if (complaint === undefined) return;
      refused++;
      expect(complaint).toMatch(/--data is missing|expected|did you mean|holds neither/);
      expect(complaint).not.toContain("\u001b");
    }),
    { numRuns: number, seed: 1 },
  );
  expect(refused).toBeGreaterThan(number / 2);
});
