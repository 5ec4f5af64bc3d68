// ONNX's own cases, and the tables of operators.
import { describe, expect, test } from "vitest";
import { signatures } from "../../src/engine/signatures.ts";
import { families, operators } from "../../src/engine/table.ts";
import { runSuite, suite } from "../../tools/conformance/suite.ts";

describe("the operator table", () => {
  test("has a signature for every operator that a family exports, and the other way round", () => {
    const exported = Object.values(families).flatMap((family) => Object.keys(family));
    expect(exported.sort()).toEqual([...signatures.keys()].sort());
    expect(Object.keys(operators).sort()).toEqual(exported);
  });
});

describe.skipIf(!suite)("ONNX's backend suite", () => {
  test("passes, but for the cases with a reason", () => {
    const results = [...runSuite(/./)];
    expect(results.filter(({ problem }) => problem !== undefined)).toEqual([]);
    const passed = results.filter(({ skipped }) => skipped === undefined);
    expect(passed.length).toBeGreaterThanOrEqual(680);
  });
});
