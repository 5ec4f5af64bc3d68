// Memory: refused before it is taken, and told when it ran out all the same.
import { readdirSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { ModelError, ResourceError } from "../../src/errors.ts";
import { countMapValues } from "../../src/graph/footprint.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { assertFits, explainMemory, memoryOfTraining } from "../../src/jobs/memory.ts";
import { full, setThreads } from "../../src/torch/index.ts";
import { smallClassifier } from "../train/tiny.ts";
import { workshop } from "../workshop.ts";
import { toyOn } from "./toyJob.ts";

const path = workshop();
const gibibyte = 2 ** 30;
const need = { fixed: gibibyte, perImage: gibibyte / 16 };

beforeAll(() => setThreads(1));

function refusal(work: () => unknown): ResourceError {
  try {
    work();
  } catch (error) {
    if (error instanceof ResourceError) return error;
  }
  throw new Error("nothing was refused");
}

describe("a training", () => {
  test("takes what its maps take, counted by hand", () => {
    const graph = smallClassifier();
    // Convolutions of 6×8×8 and 8×4×4, each with its ReLU, and four logits; the first ReLU is the widest.
    const kept = 2 * (6 * 64 + 8 * 16) + 4;
    expect(countMapValues(graph, inferShapes(graph))).toEqual({ kept, widest: 2 * 6 * 64 });
    // Two convolutions, each with a bias or without; batch norms of four vectors; a linear layer.
    const { fixed, perImage } = memoryOfTraining(graph, { precision: "f32", batchSize: 1 });
    expect(perImage).toBe(4 * kept);
    expect(
      memoryOfTraining(graph, { precision: "bf16", batchSize: 1, teacher: graph }).perImage,
    ).toBe(2 * (kept + 2 * 6 * 64));
    const numbers = [...graph.initializers.values()].reduce(
      (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
      0,
    );
    expect(fixed).toBe(20 * numbers);
  });

  test("that fits begins, on a GPU always", () => {
    const eight = 8 * gibibyte;
    assertFits({ ...need, batchSize: 112 }, "cpu", { free: eight });
    assertFits({ ...need, batchSize: 1e6 }, "cuda:0", { free: eight });
  });

  test("that cannot fit is refused with the numbers, and the batches that fit", () => {
    const free = 8 * gibibyte;
    const { message, exitCode } = refusal(() =>
      assertFits({ ...need, batchSize: 256 }, "cpu", { free }),
    );
    expect(exitCode).toBe(5);
    expect(message).toBe(
      "training with batches of 256 images takes at least 17.0 GiB of memory, but 8.00 GiB are free: " +
        "--batch-size 64 fits",
    );
    const none = refusal(() => assertFits({ ...need, batchSize: 1 }, "cpu", { free: gibibyte }));
    expect(none.message).toMatch(/use a machine with more, or a smaller network/);
  });

  test("by workers takes each one's share of the batch, and the memory of all on a host", () => {
    const [free, batchSize] = [8 * gibibyte, 256];
    const eachElsewhere = { free, membership: { size: 4, localSize: 1 } };
    const pairs = { free, membership: { size: 4, localSize: 2 } };
    const refused = (host: typeof pairs) =>
      refusal(() => assertFits({ ...need, batchSize }, "cpu", host)).message;
    assertFits({ ...need, batchSize }, "cpu", eachElsewhere);
    // Two that take a GiB each, and 64 of the images.
    expect(refused(pairs)).toBe(
      "training with batches of 256 images takes at least 10.0 GiB of memory for 2 of 4 workers, but 8.00 GiB are " +
        "free: --batch-size 64 fits",
    );
    expect(refused({ free: gibibyte, membership: { size: 4, localSize: 1 } })).toMatch(
      /a smaller network/,
    );
    const error = explainMemory(new Error("out of memory"), { ...need, batchSize }, pairs);
    expect((error as Error).message).toMatch(/batches of 256 .*: --batch-size 64 fits$/);
  });

  test("whose memory runs out says which batches fit", () => {
    let thrown: unknown;
    try {
      full([2 ** 45], 0);
    } catch (error) {
      thrown = error;
    }
    const told = explainMemory(thrown, { fixed: 0, perImage: 1000, batchSize: 100 });
    expect(told).toBeInstanceOf(ResourceError);
    expect((told as Error).message).toMatch(
      /^memory ran out in a training with batches of 100 images \(.*(memory).*\): --batch-size 32 fits$/,
    );
    const others = [
      new RangeError("something else"),
      new ModelError('Relu node "out of memory": wrong size', { cause: new Error("wrong size") }),
    ];
    for (const other of others) {
      expect(explainMemory(other, { ...need, batchSize: 8 })).toBe(other);
    }
  });

  test("is asked for its need before its folder is made", async () => {
    const out = path("run");
    const greedy = toyOn(path("source.txt", "x"), {
      memory: { fixed: 0, perImage: 1e18, batchSize: 16 },
    });
    const work = greedy.start({ data: "idx:nowhere", out, epochs: 1, batchSize: 16, threads: 1 });
    await expect(work).rejects.toThrow(/takes at least .* GiB of memory/);
    expect(readdirSync(path("."))).not.toContain("run");
  });
});
