// What workers keep of the gradients that they share, in a group whose other worker is not needed for that.
import { expect, test, vi } from "vitest";
import { connectWorkers, full, joinWorkers, parameter, scope } from "../../src/torch/index.ts";
import { Learner } from "../../src/train/index.ts";

vi.mock("../../src/torch/native.ts", async (importOriginal) => {
  const { native } = await importOriginal<typeof import("../../src/torch/native.ts")>();
  return { native: { ...native, connectWorkers: () => true, joinWorkers: () => {} } };
});

const mebibyte = 2 ** 20;

test("a learner that is disposed of keeps neither its parameters nor its gradients", () => {
  const store = { host: "127.0.0.1", port: 29_500, isServer: true, prefix: "", patience: 30 };
  connectWorkers({ ...store, rank: 0, size: 2 });
  joinWorkers();
  /** A learner of 64 MiB, half of which are the gradient. */
  const use = () => {
    const weight = scope(() => parameter(full([8 * mebibyte], 1)));
    const parameters = new Map([["weight", weight]]);
    const learner = new Learner({ parameters, buffers: new Map(), optimizers: [] });
    learner[Symbol.dispose]();
    weight.dispose();
  };
  use();
  const before = process.memoryUsage.rss();
  for (let i = 0; i < 8; i++) use();
  expect((process.memoryUsage.rss() - before) / mebibyte).toBeLessThan(128);
});
