import { expect, test } from "vitest";
import { drawChain, renderPlan, renderTime } from "../../src/cli/planTable.ts";
import type { ChainPlan } from "../../src/obfuscate/index.ts";

const layer = { stride: [1, 1], padding: [1, 1], activation: "relu" } as const;

// 3×16×16 -> 32×8×8 -> 64×4×8 -> 10×4×8
const plan: ChainPlan = {
  input: [3, 16, 16],
  layers: [
    { ...layer, outputs: 32, kernel: [3, 3], pool: true },
    { ...layer, outputs: 64, kernel: [5, 3], stride: [2, 1], padding: [2, 1], pool: false },
    { ...layer, outputs: 10, kernel: [3, 3], pool: false },
  ],
  macs: 221_184 + 983_040 + 184_320,
};

test("a plan is a row a convolution, and the cost of all beside the original's", () => {
  expect(renderPlan(plan, 2_777_088)).toBe(
    `conv   kernel   stride   pool   output     MACs
   1      3×3      1×1    2×2   32×8×8   0.22 M
   2      5×3      2×1      -   64×4×8   0.98 M
   3      3×3      1×1      -   10×4×8   0.18 M
in all 1.39 M MACs, 50 % of the 2.78 M of the original's extractor`,
  );
});

test("the time that a chain is estimated to take comes with a warning where it would be no faster", () => {
  expect(renderTime(0.584)).toBe("estimated time: 58 % of the original extractor's");
  expect(renderTime(1.31)).toMatch(/^warning: estimated time: 131 % .* not be faster.*--max-macs/);
});

test("the chain is drawn with a bar for each map: as long as it is wide, darker where it has more channels", () => {
  expect(drawChain(plan)).toBe(
    `image      ░░░░░░░░░░░░░░░░  3×16×16
3×3, pool      ▓▓▓▓▓▓▓▓      32×8×8
5×3            ████████      64×4×8
3×3            ░░░░░░░░      10×4×8`,
  );
});
