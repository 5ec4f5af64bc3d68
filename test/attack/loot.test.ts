// What a pirate makes of a file before he trains: it can be stopped.
import { expect, test } from "vitest";
import { dismantle } from "../../src/attack/loot.ts";
import { chain, noise } from "./pair.ts";

const usual = { mean: [0.4], std: [0.3], device: "cpu", seed: 0, onProgress() {} } as const;

test("taking a file apart is stopped behind a batch", async () => {
  let batches = 0;
  const onProgress = () => {
    batches++;
    throw new Error("stopped");
  };
  const begun = dismantle(chain, noise(300), { ...usual, onProgress });
  await expect(begun).rejects.toThrow("stopped");
  expect(batches).toBe(1);
});
