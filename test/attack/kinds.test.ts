// Incremental learning and extraction: what their parts compute, and both attacks from end to end.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Assignment } from "../../src/attack/campaign.ts";
import { assertKnownClasses, sourceOf } from "../../src/attack/data.ts";
import { behind, candidates, herd, joined, nearestMeans } from "../../src/attack/exemplars.ts";
import { behead, drawRows } from "../../src/attack/head.ts";
import { type ArmName, armTable } from "../../src/attack/headStart.ts";
import { type AttackOptions, attackJob } from "../../src/attack/index.ts";
import { kinds } from "../../src/attack/kinds.ts";
import { dismantle } from "../../src/attack/loot.ts";
import type { AttackKind } from "../../src/attack/names.ts";
import type { ResolvedAttackOptions } from "../../src/attack/options.ts";
import { type Inputs, Scene } from "../../src/attack/scene.ts";
import { type Batch, inMemory, type Labelled } from "../../src/data/index.ts";
import { DataError, UsageError } from "../../src/errors.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { cutGraph } from "../../src/graph/rewrites.ts";
import { toNumbers } from "../../src/graph/tensorData.ts";
import { scope, tensor } from "../../src/torch/index.ts";
import { idxFiles } from "../cli/fixtures.ts";
import { evaluate } from "../graph/onnxruntime.ts";
import { writeData, writeFiles } from "../obfuscate/tiny.ts";
import { quarters } from "../train/tiny.ts";
import { workshop } from "../workshop.ts";
import { chain, folded, images } from "./pair.ts";

const path = workshop();
const normalization = { mean: [0.4], std: [0.3] };

/** The darkest quarter is the class: classes that the model does not know. */
function negatives(count: number, seed = 3): Labelled {
  const { pixels, ...rest } = quarters(count, seed) as Labelled;
  const classes = ["e", "f", "g", "h"];
  return inMemory({
    ...rest,
    name: "negatives",
    classes,
    pixels: pixels!.map((each) => 255 - each),
  });
}

function kindOf(kind: AttackKind, changes: Partial<Inputs> = {}) {
  const inputs: Inputs = {
    graphs: { original: folded, obfuscated: chain },
    data: { train: negatives(40), test: negatives(20, 4) },
    source: { train: images, test: quarters(16, 7) as Labelled },
    ...changes,
  };
  const options = { ...normalization, device: "cpu" } as unknown as ResolvedAttackOptions;
  const scene = new Scene(inputs, options, { ofFirst() {}, ofAll() {} });
  return {
    groups: (arm: ArmName) => kinds[kind].groups(arm, inputs),
    prepare: kinds[kind].begin(scene),
  };
}

const assignment = (method: string, changes: Partial<Assignment> = {}): Assignment => ({
  arm: "obfuscated",
  budget: 1,
  seed: 0,
  epochs: 1,
  isSearch: false,
  recipe: { method, optimizer: "sgd", learningRate: 0.1 },
  ...changes,
});

/** The terms of a loss by name, for logits, labels and answers of two images. */
function terms(
  trial: Awaited<ReturnType<ReturnType<typeof kindOf>["prepare"]>>,
  rows: { logits: number[]; labels: number[]; answers?: number[] },
) {
  return scope(() => {
    const of = (values: number[]) => tensor(values, { shape: [2, values.length / 2] });
    const labels = tensor(rows.labels, { dtype: "int64" });
    const batch = { images: labels, labels, size: 2 } as Batch;
    const given = trial.losses(of(rows.logits), batch, rows.answers && of(rows.answers));
    return Object.fromEntries(given.map(({ name, value }) => [name, value.item()]));
  });
}

const ln = Math.log;

/** The weights of all convolutions. */
const convolutions = ({ nodes, initializers }: Graph) =>
  nodes.flatMap(({ operator, inputs }) =>
    operator === "Conv" ? [toNumbers(initializers.get(inputs[1]!)!)] : [],
  );

const closeTo = (values: Iterable<number>) =>
  Array.from(values, (value) => expect.closeTo(value, 5));

describe("where a training begins", () => {
  const graphs = { original: folded, obfuscated: chain };
  const loot = (arm: ArmName) =>
    dismantle(graphs[armTable[arm].file], negatives(40), {
      ...normalization,
      device: "cpu",
      seed: 0,
      onProgress() {},
    });

  test.each([
    ["transfer", "initFC-all"],
    ["incremental", "fine-tuning"],
    ["incremental", "exemplars"],
  ] as const)(
    "is the file itself, and for a control random weights and rows: %s by %s",
    async (name, method) => {
      const kind = kindOf(name);
      for (const arm of ["original", "obfuscated"] as const) {
        const own = convolutions((await loot(arm)).body);
        const start = async (from: ArmName) =>
          (await kind.prepare(assignment(method, { arm: from }))).graph;
        expect(convolutions(await start(arm))).toEqual(own);
        const control = await start(`${arm}-scratch`);
        const drawn = convolutions(control);
        expect(drawn).toHaveLength(own.length);
        for (const [i, weight] of drawn.entries()) {
          expect(weight).toHaveLength(own[i]!.length);
          expect(weight).not.toEqual(own[i]);
        }
        const { head } = behead(control);
        const rows = drawRows(head.bias.length, head.weight.length / head.bias.length, 0);
        expect([...head.bias]).toEqual(closeTo(rows.bias));
        expect([...head.weight]).toEqual(closeTo(rows.weight));
      }
    },
  );

  test("is random in an extraction, whose teacher is the stolen file for both architectures", async () => {
    const kind = kindOf("extraction");
    for (const arm of ["original", "obfuscated"] as const) {
      const own = convolutions((await loot(arm)).body);
      const { graph, teacher } = await kind.prepare(assignment("labels-other", { arm }));
      const drawn = convolutions(graph);
      expect(drawn.map((weight) => weight.length)).toEqual(own.map((weight) => weight.length));
      for (const [i, weight] of drawn.entries()) expect(weight).not.toEqual(own[i]);
      expect(convolutions(teacher!)).toHaveLength(3);
    }
  });

  test("keeps the rows and holds the layers that the method says", async () => {
    const kind = kindOf("transfer");
    const rows = behead(chain).head;
    const drawn = drawRows(4, 16, 0);
    for (const [method, bias, learning] of [
      ["initFC-all", drawn.bias, 3],
      ["redrawn-half", drawn.bias, 3],
      ["initFC-half", drawn.bias, 1],
      ["initFC-FC", drawn.bias, 0],
      ["direct-all", rows.bias, 3],
      ["direct-FC", rows.bias, 0],
    ] as const) {
      const { graph, frozen } = await kind.prepare(assignment(method));
      expect([method, ...behead(graph).head.bias]).toEqual([method, ...closeTo(bias)]);
      const moving = frozen === undefined ? graph : cutGraph(graph, frozen).classifier;
      expect([method, convolutions(moving).length]).toEqual([method, learning]);
    }
  });
});

test.each([
  ["transfer", "initFC-all"],
  ["incremental", "fine-tuning"],
  ["incremental", "exemplars"],
  ["extraction", "labels-same"],
  ["extraction", "labels-other"],
] as const)(
  "no recipe is chosen by test images, which the result is judged by: %s by %s",
  async (name, method) => {
    const sealedOff = (set: Labelled): Labelled => {
      const { pixels: _, ...rest } = set;
      return { ...rest, read: () => Promise.reject(new Error("test images")) };
    };
    const kind = kindOf(name, {
      data: { train: negatives(40), test: sealedOff(negatives(20, 4)) },
      source: { train: images, test: sealedOff(quarters(16, 7) as Labelled) },
    });
    const judged = async (isSearch: boolean) => {
      const trial = await kind.prepare(assignment(method, { isSearch }));
      return trial.score(trial.graph);
    };
    expect((await judged(true)).accuracy).toBeGreaterThanOrEqual(0);
    await expect(judged(false)).rejects.toThrow("test images");
  },
);

describe("exemplars", () => {
  const set = inMemory({
    name: "points",
    shape: [1, 1, 1] as const,
    classes: ["a", "b"],
    labels: Int32Array.of(0, 0, 0, 1, 1),
    pixels: Uint8Array.of(10, 20, 30, 40, 50),
  });

  test("are herded: one after another what brings the mean closest to that of all", () => {
    // Directions 0°, 90°, 45° (of any length): 45° is the mean's, then the pair on both sides.
    const features = Float32Array.of(2, 0, 0, 3, 1, 1, 1, 0, 1, 0);
    const { kept, held } = herd(set, features);
    expect([...kept.pixels!]).toEqual([30, 10, 40]);
    expect([...held.pixels!]).toEqual([20, 50]);
    expect([...kept.labels]).toEqual([0, 0, 1]);
  });

  test("are twenty of each class and five to judge by, chosen from a hundred", () => {
    const labels = Int32Array.from({ length: 172 }, (_, i) => Number(i >= 150));
    const shape = [1, 1, 1] as const;
    const pixels = Uint8Array.from(labels.keys());
    const many = inMemory({ name: "many", shape, classes: ["a", "b"], labels, pixels });
    const numbers = [150, 22].map((count) => Int32Array.from({ length: count }, (_, i) => i));
    const order = [numbers[0]!.toReversed(), numbers[1]!.map((i) => 150 + i)];
    const pool = candidates(many, order);
    expect([...pool.pixels!]).toEqual([...order[0]!.subarray(0, 100), ...order[1]!]);
    const features = Float32Array.from({ length: 2 * pool.count }, (_, i) => 1 + (i % 3));
    const counts = Object.values(herd(pool, features)).map((part) =>
      [0, 1].map((label) => part.labels.filter((each) => each === label).length),
    );
    expect(counts).toEqual([
      [20, 20],
      [5, 2],
    ]);
  });

  test("classify by the nearest mean direction", () => {
    const known = { features: Float32Array.of(1, 0, 3, 0, 1, 0, 0, 5, 0, 1), set };
    const scores = nearestMeans(Float32Array.of(2, 1, 1, 2), known);
    const [near, far] = [2 / Math.sqrt(5), 1 / Math.sqrt(5)];
    expect([...scores]).toEqual([near, far, far, near].map((each) => expect.closeTo(each, 6)));
  });

  test("join new images, whose classes come behind the old ones", async () => {
    const added = behind(["x", "y", "z"], set);
    expect([...added.labels]).toEqual([3, 3, 3, 4, 4]);
    expect(added.classes).toEqual(["x", "y", "z", "a", "b"]);
    const whole = joined(set, added);
    expect([whole.count, ...whole.labels]).toEqual([10, 0, 0, 0, 1, 1, 3, 3, 3, 4, 4]);
    const { pixels: _, ...unread } = set;
    for (const mixed of [whole, joined(unread, added)]) {
      expect([...(await mixed.read(Int32Array.of(9, 0, 4)))]).toEqual([50, 10, 50]);
    }
  });

  test("join as many as a large data set has", () => {
    const count = 200_000;
    const labels = new Int32Array(count).fill(1);
    const large = inMemory({ ...set, labels, pixels: new Uint8Array(count) });
    const whole = joined(set, behind(["x"], large));
    expect([whole.labels.length, whole.labels.at(-1)]).toEqual([5 + count, 2]);
  });
});

describe("incremental learning", () => {
  test("starts with the file's rows for the old classes, and remembers by its answers", async () => {
    const kind = kindOf("incremental");
    const trial = await kind.prepare(assignment("learning-without-forgetting"));
    const head = behead(trial.graph).head;
    expect(head.bias).toHaveLength(8);
    const old = behead(chain).head.bias;
    for (const [i, bias] of old.entries()) expect(head.bias[i]).toBeCloseTo(bias, 5);
    // Logits of old classes as the file has them are remembered.
    const logits = [1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const answers = [1, 2, 3, 4, 0, 0, 0, 0];
    const same = terms(trial, { logits, labels: [4, 7], answers });
    expect(same.memory).toBeCloseTo(0, 6);
    // Labels set new rows against old ones: 1 of 4 + e + e² + e³ + e⁴, and 1 of 8 that are alike.
    const others = [1, 2, 3, 4].reduce((total, logit) => total + Math.exp(logit), 4);
    expect(same.label).toBeCloseTo((ln(others) + ln(8)) / 2, 5);
    // Softened by 2, answers 4 ln 3 more for one of two classes: 9/10 against 1/2, times 4.
    const changed = terms(trial, {
      logits: new Array(16).fill(0),
      labels: [4, 4],
      answers: [0, 0, 0, 2 * ln(3), 0, 0, 0, 2 * ln(3)],
    });
    // Probabilities 1/6, 1/6, 1/6, 1/2 against a quarter each.
    expect(changed.memory).toBeCloseTo(4 * (0.5 * ln(4 / 6) + 0.5 * ln(2)), 5);
  });

  test("learns from new images alone, but for exemplars", async () => {
    const kind = kindOf("incremental");
    const plain = await kind.prepare(assignment("fine-tuning"));
    expect([plain.images.count, plain.teacher]).toEqual([40, undefined]);
    expect(new Set(plain.images.labels)).toEqual(new Set([4, 5, 6, 7]));
    const kept = await kind.prepare(assignment("exemplars"));
    // Twelve images of each old class: eleven to keep, one to search by.
    expect(kept.images.count).toBe(40 + 44);
    expect(kept.teacher).toBeDefined();
    const scratch = await kind.prepare(assignment("exemplars", { arm: "original-scratch" }));
    expect(scratch.teacher).toBeUndefined();
    const { parts, accuracy } = await kept.score(kept.graph);
    expect(accuracy).toBeCloseTo((parts!.old + parts!.new) / 2, 9);
  });

  test("is refused where classes overlap, are not known or not all there", () => {
    const check = (train: Labelled, own = images) =>
      assertKnownClasses(
        { data: { train, test: train }, source: { train: own, test: own } },
        { graph: chain, kind: "incremental" },
      );
    expect(() => check(negatives(8))).not.toThrow();
    expect(() => check({ ...negatives(8), classes: ["e", "A ", "g", "h"] })).toThrow(
      /both have "A "/,
    );
    expect(() => check({ ...negatives(8), classes: ["e", "A ", "g", "h"] })).toThrow(DataError);
    const three = { ...images, classes: ["0", "1", "2"], labels: images.labels.map((l) => l % 3) };
    expect(() => check(negatives(8), three)).toThrow(/4 outputs, but quarters has 3 classes/);
    const asked = { model: "m", data: "idx:new", kind: "incremental" } as const;
    expect(() => sourceOf(asked, undefined)).toThrow(/--source-data is missing/);
    expect(sourceOf(asked, "idx:run")).toBe("idx:run");
    expect(sourceOf({ ...asked, sourceData: "idx:given" }, "idx:run")).toBe("idx:given");
  });
});

test.each(["transfer", "incremental"] as const)(
  "%s takes no classes of the model's own",
  (kind) => {
    const asked = { model: "m", data: "idx:new", kind } as const;
    for (const [sourceData, ofRun] of [
      [undefined, "idx:./new"],
      ["idx:./new", undefined],
      ["idx:given", "idx:./new"],
    ]) {
      const known = sourceData === undefined ? asked : { ...asked, sourceData };
      expect(() => sourceOf(known, ofRun)).toThrow(UsageError);
      expect(() => sourceOf(known, ofRun)).toThrow(/--data: expected classes that the model/);
    }
    expect(sourceOf({ ...asked, kind: "transfer" }, "idx:run")).toBeUndefined();
  },
);

test("transfer takes no data of the model's own classes, of which it needs none", () => {
  const asked = { model: "m", data: "idx:new", sourceData: "idx:given", kind: "transfer" } as const;
  expect(() => sourceOf(asked, "idx:run")).toThrow(UsageError);
  expect(() => sourceOf(asked, undefined)).toThrow(/^--source-data: only with --kind incremental/);
});

describe("extraction", () => {
  test("learns probabilities or labels of the file, controls the true labels", async () => {
    const kind = kindOf("extraction");
    const logits = new Array(8).fill(0);
    const answers = [0, 0, 0, ln(3), ln(3), 0, 0, 0];
    const rows = { logits, labels: [0, 1], answers };
    const soft = await kind.prepare(assignment("probabilities-other"));
    // Probabilities 1/6, 1/6, 1/6, 1/2 against a quarter each.
    expect(terms(soft, rows)).toEqual({ answer: expect.closeTo(0.5 * ln(4 / 6) + 0.5 * ln(2), 5) });
    expect(soft.images.name).toBe("negatives");
    const hard = await kind.prepare(assignment("labels-same"));
    expect(terms(hard, { ...rows, logits: answers })).toEqual({ answer: expect.closeTo(ln(2), 5) });
    expect(hard.images.name).toBe("quarters");
    const own = await kind.prepare(assignment("own-labels", { arm: "obfuscated-scratch" }));
    const { answers: _, ...alone } = rows;
    expect(terms(own, alone)).toEqual({ label: expect.closeTo(ln(4), 5) });
    expect(own.teacher).toBeUndefined();
  });

  test("is searched by agreement with the file: the pirate knows no label", async () => {
    const kind = kindOf("extraction");
    const trial = await kind.prepare(assignment("labels-other", { isSearch: true }));
    expect((await trial.score(trial.teacher!)).accuracy).toBe(1);
  });

  test("is judged by the true labels in the end", async () => {
    const kind = kindOf("extraction");
    const trial = await kind.prepare(assignment("labels-other"));
    const { pixels, labels, count } = quarters(16, 7) as Labelled;
    const values = Float32Array.from(pixels!, (pixel) => (pixel / 255 - 0.4) / 0.3);
    const [name] = chain.inputs.map((input) => input.name);
    const { logits } = await evaluate(chain, { [name!]: { shape: [count, 1, 8, 8], values } });
    const right = labels.filter((label, i) => {
      const row = [...logits!.values.subarray(4 * i, 4 * i + 4)];
      return row.indexOf(Math.max(...row)) === label;
    });
    expect(right.length).toBeLessThan(count);
    expect((await trial.score(trial.teacher!)).accuracy).toBe(right.length / count);
  });

  test("asks about images of the task alone where there are no others", () => {
    const kind = kindOf("extraction", { data: { train: images, test: images }, source: undefined });
    expect(kind.groups("obfuscated")).toEqual([["probabilities-same"], ["labels-same"]]);
  });
});

describe("from end to end", () => {
  const task = writeData(path("task"), { train: 80, test: 40, size: 8 });
  const files = Object.entries(idxFiles({ train: 80, test: 40, size: 8 })).map(([name, bytes]) => {
    const isImages = name.includes("images");
    return [name, bytes.map((each, i) => (isImages && i >= 16 ? 255 - each : each))] as const;
  });
  const others = writeFiles(path("others"), Object.fromEntries(files));
  const options = (
    changes: Partial<AttackOptions> & Pick<AttackOptions, "kind">,
  ): AttackOptions => ({
    model: path("shipped.onnx", chain),
    original: path("original.onnx", folded),
    out: path(),
    data: others,
    sourceData: task,
    budgets: [0.5],
    seeds: 1,
    epochs: 2,
    threads: 1,
    precision: "f32",
    optimizers: ["sgd"],
    learningRates: [0.05],
    ...normalization,
    acceptOriginal: true, // which has learned nothing
    ...changes,
  });

  test.each(["incremental", "extraction"] as const)(
    "an original that does not know its own classes is refused: %s",
    async (kind) => {
      const job = attackJob.start(options({ kind, acceptOriginal: false }));
      await expect(job).rejects.toThrow(DataError);
      await expect(job).rejects.toThrow(
        /original\.onnx is right on 25\.00 % of 40 images to judge by, as often as by guessing/,
      );
    },
  );

  test("an incremental attack tells old and new classes apart", async () => {
    const {
      arms,
      headStart,
      files: made,
    } = await attackJob.start(options({ kind: "incremental" }));
    expect(arms.map(({ arm, method }) => `${arm}: ${method}`)).toEqual([
      ...["original", "obfuscated"].flatMap((arm) => [
        ...[`${arm}: fine-tuning`, `${arm}: learning-without-forgetting`, `${arm}: exemplars`],
      ]),
      ...["original-scratch", "obfuscated-scratch"].flatMap((arm) => [
        ...[`${arm}: fine-tuning`, `${arm}: exemplars`],
      ]),
    ]);
    for (const { accuracies, oldAccuracies, newAccuracies, arm, method } of arms) {
      accuracies.forEach((accuracy, seed) => {
        expect(accuracy).toBeCloseTo((oldAccuracies![seed]! + newAccuracies![seed]!) / 2, 9);
      });
      // Nobody who has never seen an old class names it.
      if (arm.endsWith("scratch") && method === "fine-tuning") {
        expect(Math.max(...oldAccuracies!)).toBe(0);
      }
    }
    expect(headStart).toHaveLength(1);
    expect(JSON.parse(readFileSync(made.summary, "utf8")).arms).toEqual(arms);
  });

  test("an extraction is measured into both architectures, by probabilities and labels", async () => {
    const { arms, headStart } = await attackJob.start(
      options({ kind: "extraction", budgets: [0.2] }),
    );
    const methods = ["probabilities-same", "labels-same", "probabilities-other", "labels-other"];
    expect(arms.map(({ arm, method }) => [arm, method])).toEqual([
      ...methods.map((method) => ["original", method]),
      ...methods.map((method) => ["obfuscated", method]),
      ["original-scratch", "own-labels"],
      ["obfuscated-scratch", "own-labels"],
    ]);
    expect(headStart.map(({ budget }) => budget)).toEqual([0.2]);
  });
});
