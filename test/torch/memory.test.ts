import { availableParallelism } from "node:os";
import { describe, expect, test } from "vitest";
import { full, scope, threads } from "../../src/torch/index.ts";

/** 16 MiB, as an activation of a training step. */
const elements = 4 * 2 ** 20;

function pagesTouched(body: () => void): number {
  const before = process.resourceUsage().minorPageFault;
  body();
  return process.resourceUsage().minorPageFault - before;
}

describe("memory of large tensors", () => {
  test("is taken again without page faults", () => {
    const use = () => scope(() => [full([elements], 1), full([elements / 2 + 5], 2)].length);
    use();
    const pages = pagesTouched(() => {
      for (let i = 0; i < 50; i++) use();
    });
    expect(pages).toBeLessThan(2000); // 50 * 24 MiB are 300,000 pages of 4 KiB
  });

  test("is one tensor's alone", () => {
    scope(() => {
      const sizes = [
        elements,
        elements,
        elements - 1,
        elements + 1,
        elements / 8,
        elements / 8 - 1,
      ];
      const tensors = sizes.map((size, index) => full([size], index));
      for (const [index, tensor] of tensors.entries()) {
        const values = tensor.toTypedArray();
        expect([values.length, values.at(0), values.at(-1)]).toEqual([sizes[index], index, index]);
      }
    });
  });

  test("stays what it was while tensors of changing sizes come and go", () => {
    const use = (round: number) => {
      scope(() => full([elements + (round % 20) * 1000], 1).shape);
    };
    for (let round = 0; round < 20; round++) use(round);
    const before = process.memoryUsage.rss();
    for (let round = 20; round < 200; round++) use(round);
    expect(process.memoryUsage.rss() - before).toBeLessThan(32 * 2 ** 20);
  });
});

describe("threads", () => {
  const chosen = process.env.OMP_NUM_THREADS !== undefined || availableParallelism() === 1;
  test.skipIf(chosen)("are more than one where the processor has more", () => {
    expect(threads()).toBeGreaterThan(1);
  });
});
