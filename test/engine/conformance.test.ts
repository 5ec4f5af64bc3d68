// ONNX's own cases, and the document that lists what the engine runs.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { signatures } from "../../src/engine/signatures.ts";
import { families, operators } from "../../src/engine/table.ts";

const suite = process.env.ONNX_TESTDATA ?? "/usr/share/libonnx-testdata/data";

function runScript(...command: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: "utf8" });
  return { status, lines: stdout.trimEnd().split("\n"), stderr };
}

describe("the operator table", () => {
  it("has a signature for every operator that a family exports, and the other way round", () => {
    const exported = Object.values(families).flatMap((family) => Object.keys(family));
    expect(exported.sort()).toEqual([...signatures.keys()].sort());
    expect(Object.keys(operators).sort()).toEqual(exported);
  });

  it("is what docs/operators.md says", () => {
    expect(runScript("scripts/document-operators.mjs", "--check")).toMatchObject({ status: 0 });
  });
});

describe.skipIf(!existsSync(suite))("ONNX's backend suite", () => {
  it("passes, but for the cases with a reason", () => {
    const { status, lines } = runScript("scripts/conformance.mjs");
    const [, passed, failed] =
      /^(\d+) passed, (\d+) failed, \d+ skipped$/.exec(lines.at(-1)!) ?? [];
    expect({ status, failed }, lines.join("\n")).toEqual({ status: 0, failed: "0" });
    expect(Number(passed)).toBeGreaterThanOrEqual(680);
  });
});
