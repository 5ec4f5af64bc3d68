import { expect, test } from "vitest";
import { describePlan } from "../../src/obfuscate/describePlan.ts";
import type { Plan } from "../../src/obfuscate/index.ts";

const layer = { stride: [1, 1], padding: [1, 1], activation: "relu" } as const;

// 3×16×16 -> 32×8×8 -> 64×4×8 -> 10×4×8
const plan: Plan = {
  input: [3, 16, 16],
  layers: [
    { ...layer, outputs: 32, kernel: [3, 3], pool: true },
    { ...layer, outputs: 64, kernel: [5, 3], stride: [2, 1], padding: [2, 1], pool: false },
    { ...layer, outputs: 10, kernel: [3, 3], pool: false },
  ],
  cuts: [null, "layer2/relu"],
  macs: 221_184 + 983_040 + 184_320,
};

test("a plan is a row a convolution, and the cost of all beside the original's", () => {
  expect(describePlan(plan, { boundary: "layer3", macs: 2_777_088 })).toBe(
    `conv  kernel  stride  pool  output    MACs  of the original
   1     3×3     1×1   2×2  32×8×8  0.22 M
   2     5×3     2×1     -  64×4×8  0.98 M  to "layer2/relu"
   3     3×3     1×1     -  10×4×8  0.18 M  to "layer3"
in all 1.39 M MACs, 50 % of the 2.78 M of the original's extractor`,
  );
});

test("a name with line breaks adds no row", () => {
  const rows = describePlan(plan, { boundary: "a\n9  1×1\u001b[2J", macs: 1 }).split("\n");
  expect(rows).toHaveLength(5);
  expect(rows[3]).toMatch(/ to "a\\n9 {2}1×1\\u001b\[2J"$/);
});
