// All models and tensors of ONNX's backend test suite (Debian's libonnx-testdata): read, or refused for one of
// the reasons below.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { onnxTestData } from "../../native/system.mjs";
import { ModelError } from "../../src/errors.ts";
import { encodeModel, parseModel, readTensor } from "../../src/onnx/index.ts";

const suite = onnxTestData().found ?? "";

/** Why a model is refused: what its message holds, and how many there are in version 1.12 of the suite. */
const reasons: readonly (readonly [expected: RegExp, models: number])[] = [
  [/opset [1-6]; opsets 7 to 26 are supported/, 138],
  [/has element type string/, 18],
  [/is a (sequence|optional); only tensors/, 24],
  [/does not say which opset of the standard operators/, 7],
  // Loops whose bodies' inputs and outputs have no types.
  [/has no type/, 2],
];

describe.skipIf(!suite)("backend suite (libonnx-testdata)", () => {
  const files = suite ? (readdirSync(suite, { recursive: true }) as string[]) : [];

  test("has its models read, or refused for a known reason", () => {
    const refusals = new Map<RegExp, number>();
    const models = files.filter((file) => file.endsWith("model.onnx"));
    let read = 0;
    for (const file of models) {
      const path = join(suite, file);
      try {
        const graph = parseModel(readFileSync(path), { name: file, directory: dirname(path) });
        if (graph.nodes.every(({ domain }) => domain === ""))
          expect(parseModel(encodeModel(graph))).toEqual({ ...graph, name: graph.name || "graph" });
        read++;
      } catch (error) {
        if (!(error instanceof ModelError)) throw error;
        const [reason] = reasons.find(([expected]) => expected.test(error.message)) ?? [];
        if (reason === undefined) throw error;
        refusals.set(reason, (refusals.get(reason) ?? 0) + 1);
      }
    }
    expect([...refusals.values()].reduce((sum, count) => sum + count, read)).toBe(models.length);
    expect(reasons.map(([reason]) => refusals.get(reason))).toEqual(
      reasons.map(([, count]) => count),
    );
    expect(read).toBe(883);
  });

  test("has its tensors read", () => {
    const tensors = files.filter((file) => file.endsWith(".pb"));
    const refused = tensors.filter((file) => {
      try {
        readTensor(readFileSync(join(suite, file)));
        return false;
      } catch (error) {
        if (!(error instanceof ModelError)) throw error;
        return true;
      }
    });
    // Strings, and files that hold sequences or optionals instead of a tensor.
    expect(
      refused.every((file) => /str|label|seq|opt|identity|if|loop|tfidf|nonmax/i.test(file)),
    ).toBe(true);
    expect(tensors.length - refused.length).toBeGreaterThan(3000);
  });
});
