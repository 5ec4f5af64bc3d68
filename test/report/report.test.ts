// Reports of runs, whole ones and others: the facts, and that what is missing is said.
import { readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { DataError, UsageError } from "../../src/errors.ts";
import { sha256Of } from "../../src/files.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Box } from "../../src/graph/diagram.ts";
import { collectReport } from "../../src/report/collect.ts";
import { foldDiagram } from "../../src/report/fold.ts";
import { writeComparison } from "../../src/report/index.ts";
import { isMissing } from "../../src/report/missing.ts";
import { type Report, reportSchemaText } from "../../src/report/reportForm.ts";
import type { Summary } from "../../src/report/runForms.ts";
import { classesSection } from "../../src/report/sections/classes.ts";
import { verdictOf } from "../../src/report/verdict.ts";
import { renderReport, writeReport } from "../../src/report/writeReport.ts";
import { root } from "../cli/deepobf.ts";
import { residualModel } from "../cli/fixtures.ts";
import { workshop } from "../workshop.ts";
import { hostileModel, hostileNames, readPart, writeRun } from "./runFixture.ts";

const file = workshop();
const schema = JSON.parse(readFileSync(join(root, "docs", "report.schema.json"), "utf8"));
let made = 0;
const write = (parts = {}) => writeRun(file, { name: `run-${made++}`, ...parts });

describe("the report of a whole run", () => {
  test("says what the run found, in a form that its schema describes", async () => {
    const run = write();
    const { report, json } = await writeReport(run);
    expect([report, json]).toEqual([join(run, "report.html"), join(run, "report.json")]);
    const facts = readPart(run, "report.json");
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
    expect(validate(facts), JSON.stringify(validate.errors)).toBe(true);
    expect(facts.verdict).toEqual({
      accuracy:
        "The chain is right on 87.5 % of 8 images to judge by, 2.50 points less than the original, a difference that may " +
        "be chance, and gives the original's answer on 62.5 %.",
      speed:
        "It is faster: it takes 0.500 of the original's time for one image and 0.500 of the original's time for " +
        "64 at once.",
      hiding: expect.stringContaining(
        "The file shows 3 convolutions in a row in place of the original's 4 and 1 place where branches meet;",
      ),
    });
    expect(facts.architectures.original).toMatchObject({ convolutions: 4, joins: 1 });
    expect(facts.architectures.obfuscated).toMatchObject({ convolutions: 3, joins: 0 });
    expect(facts.training).toMatchObject({ unreadableLines: 0, learningRate: 0.2 });
    expect(facts.training.epochs).toHaveLength(3);
    expect(facts.reproduction.command).toMatch(/^deepobf obfuscate .*--depth 3 .*--mean 0\.5 /);
    expect(facts.exposure.missing).toContain("exposure.json");
  });

  test("counts by class what both models confuse", async () => {
    const { classes, disagreements } = await collectReport(write());
    // By hand: the chain takes one boot for a bag, one bag for a boot and one dress for a bag.
    expect(classes).toEqual({
      samples: 8,
      classes: [
        { name: "ankle boot", images: 2, original: 1, obfuscated: 0.5 },
        { name: "bag", images: 2, original: 1, obfuscated: 0.5 },
        { name: "coat", images: 2, original: 1, obfuscated: 1 },
        { name: "dress", images: 2, original: 1, obfuscated: 0.5 },
      ],
      confusions: expect.arrayContaining([
        { label: "ankle boot", answer: "bag", original: 0, obfuscated: 1 },
        { label: "bag", answer: "ankle boot", original: 0, obfuscated: 1 },
        { label: "dress", answer: "bag", original: 0, obfuscated: 1 },
      ]),
    });
    expect(disagreements).toMatchObject({
      differing: 3,
      images: [{ place: 6, label: "dress", obfuscated: { class: "bag", confidence: 0.8 } }, {}, {}],
    });
  });

  test("has each figure under its head, on the page that people read", async () => {
    const quantized = {
      accuracy: 0.85,
      agreement: 0.6,
      bytes: 7000,
      sha256: sha256Of("int8"),
      latencyMs: { batch1: 0.05, batch64: 3 },
    };
    const run = writeWith((summary) => {
      summary.quantized = { int8: quantized };
      summary.obfuscated.latencyMs.batch64 = 3.2;
    });
    const page = renderReport(await collectReport(run));
    const body = page.slice(page.indexOf("<body>"));
    const text = body.replaceAll(/\s*<[^>]*>\s*/g, "|").replaceAll(/\|+/g, "|");
    for (const row of [
      ["Accuracy", "87.5 %", "−2.50 points against the original"],
      ["Time for one image", "× 0.500", "of the original&#39;s; × 0.400 for 64"],
      ["Convolutions to be seen", "3", "in place of 4"],
      ["original", "shipped chain", "chain, int8"],
      ["accuracy", "90.00 %", "87.50 %", "85.00 %"],
      ["95 % interval", "80.0 to 100.0 %", "77.5 to 97.5 %", "–"],
      ["same answer as the original", "–", "62.50 %", "60.00 %"],
      ["convolutions", "4", "3", "–"],
      ["time for 1 image", "0.200 ms", "0.100 ms", "0.0500 ms"],
      ["time for 64 images", "8.00 ms", "3.20 ms", "3.00 ms"],
      ["ankle boot", "bag", "0", "1", "+1"],
      ["label", "dress", "original", "dress, 90 % ✓", "chain", "bag, 80 % ✗"],
    ]) {
      expect(text).toContain(`|${row.join("|")}|`);
    }
    expect(text).toContain(
      "|3 images are classified rightly by the original alone, 0 by the chain alone. Between models that are equally " +
        "good, a difference at least as large has a probability of 25.0 %",
    );
    expect(text).toContain("|The chain loses most on ankle boot: −50.0 points, of 2 images.");
    expect(text).toContain("|3 of 8 images are classified differently.");
  });

  test("shows attacks and exposure where they were measured", async () => {
    const run = write();
    const gain = { mean: 19, deviation: 1.5 };
    const arm = {
      method: "all",
      budget: 0.07,
      accuracies: [0.6, 0.7],
      mean: 0.65,
      deviation: 0.05,
    };
    const attack = {
      kind: "transfer",
      arms: [
        { ...arm, arm: "obfuscated", method: "head", mean: 0.5, deviation: 0.01 },
        { ...arm, arm: "obfuscated" },
        { ...arm, arm: "obfuscated", method: "late", mean: 0.55, deviation: 0.02 },
        { ...arm, arm: "obfuscated-scratch", mean: 0.46 },
      ],
      headStart: [{ budget: 0.07, original: gain, obfuscated: gain }],
    };
    file("attack/summary.json", JSON.stringify(attack));
    const cka = { model: ["c"], original: ["a", "b"], values: [[0.5, 0.25]] };
    const exposure = {
      layerEditDistance: 0.7,
      graphSimilarity: 0.2,
      sharedNames: 0,
      sharedMetadata: 0,
    };
    const weights = { sharedWeights: 0, sharedWeightsUpToScale: 1 };
    const sentences = { graphSimilarity: "Little is <alike>." };
    writeFileSync(
      join(run, "exposure.json"),
      JSON.stringify({ ...exposure, ...weights, sentences, cka }),
    );
    const attacked = ({ original, obfuscated }: { original: object; obfuscated: object }) =>
      sha256Of(...[original, obfuscated].map((each) => (each as { sha256: string }).sha256));
    const files = JSON.parse(readFileSync(join(run, "summary.json"), "utf8"));
    const config = { job: "attack", identity: { model: attacked(files) } };
    file("attack/config.json", JSON.stringify(config));
    const facts = await collectReport(run, { attacks: [file("attack")] });
    expect(isMissing(facts.attacks)).toBe(false);
    expect(facts.exposure).toMatchObject({ layerEditDistance: 0.7 });
    const page = renderReport(facts);
    expect(page).toContain("19.0 ± 1.5");
    // Of each arm the best method.
    expect(page).toContain("<title>shipped chain: 65 at 0.07</title>");
    expect(page).toContain("<title>chain, random: 46 at 0.07</title>");
    expect(page).not.toContain("<title>shipped chain: 5");
    expect(page).toContain("c and b: 0.250");
    expect(page).toContain("Little is &lt;alike&gt;.");
    expect(page).toContain(
      "with 7 % of the pirate&#39;s data the chain is worth +19.0 points over random weights",
    );
    expect(page).toMatch(/can be trained on them\. How much that is worth was not measured/);

    const copying = { ...attack, kind: "extraction" };
    copying.headStart = [{ budget: 0.07, original: gain, obfuscated: { ...gain, mean: 2.1 } }];
    file("copying/summary.json", JSON.stringify(copying));
    file("copying/config.json", JSON.stringify(config));
    const copied = await collectReport(run, { attacks: [file("copying")] });
    const { remains } = copied.protection;
    expect(remains.filter((each) => /^(Copying|Fine-tuning)/.test(each))).toEqual([
      'Copying it by its answers: another network can be trained on them. In the attack "extraction" with 7 % of ' +
        "the pirate's data its answers are worth +2.1 points over true labels in the chain's architecture, +19.0 in " +
        "the original's.",
      "Fine-tuning it for other classes. How much that is worth was not measured for this run.",
    ]);
    const copyingPage = renderReport(copied);
    expect(copyingPage).toContain("<title>chain, answers: 65 at 0.07</title>");
    expect(copyingPage).toContain("<title>chain, labels: 46 at 0.07</title>");
    expect(copyingPage).toContain("answers over true labels in the original&#39;s architecture");
    expect(copyingPage).not.toMatch(/head start from|shipped chain: /);

    config.identity.model = sha256Of("others");
    file("attack/config.json", JSON.stringify(config));
    for (const [folder, why] of [
      ["attack", /attack: it is an attack on other files than this run's/],
      ["nowhere", /nowhere: the run has no config\.json; expected the folder of an attack/],
    ] as const) {
      await expect(collectReport(run, { attacks: [file(folder)] })).rejects.toThrow(why);
    }
  });
});

/** The exposure.json of a run whose files have these layers. */
function writeExposure(run: string, cka: object): void {
  const figures = { layerEditDistance: 0.7, graphSimilarity: 0.2, sharedNames: 0 };
  const shared = { sharedMetadata: 0, sharedWeights: 0, sharedWeightsUpToScale: 0 };
  const exposure = { ...figures, ...shared, sentences: {}, cka };
  writeFileSync(join(run, "exposure.json"), JSON.stringify(exposure));
}

test("names of layers are shown in short: each stands beside every layer of the other file", async () => {
  const run = write();
  const long = "&".repeat(3900);
  writeExposure(run, { model: [long], original: ["a", long], values: [[0.5, 0.25]] });
  const page = renderReport(await collectReport(run));
  expect(page).toContain("…(3800 more)…");
  expect(page).not.toContain("&amp;".repeat(100));
});

test("an original of more layers than a heat map can show has one of some, from the first to the last", async () => {
  const run = write();
  const names = (count: number) => Array.from({ length: count }, (_, i) => `layer ${i}`);
  const [model, original] = [names(150), names(1000)];
  const ends = [0, model.length - 1];
  const values = model.map((_, row) => (ends.includes(row) ? original.map(() => 0.5) : []));
  writeExposure(run, { model, original, values });
  const page = renderReport(await collectReport(run));
  expect(page).toContain("Drawn are 100 of 150 rows and 400 of 1000 columns.");
  expect(page).toContain("<title>layer 0 and layer 0: 0.500</title>");
  expect(page).toContain("<title>layer 149 and layer 999: 0.500</title>");
  expect(page.match(/<title>layer/g)).toHaveLength(2 * 400);
});

test("the published schema is that of the code: where it is not, npm run results writes it", () => {
  expect(schema).toEqual(JSON.parse(reportSchemaText()));
});

/** A folder of a run after something has happened to it. */
async function after(change: (run: string) => void) {
  const run = write();
  change(run);
  const report = await collectReport(run);
  expect(renderReport(report)).toContain("Not shown: ");
  return report;
}

/** A run whose summary says something else. */
function writeWith(change: (summary: ReturnType<typeof readPart>) => void, parts = {}): string {
  const run = write(parts);
  const summary = readPart(run, "summary.json");
  change(summary);
  writeFileSync(join(run, "summary.json"), JSON.stringify(summary));
  return run;
}

describe("the verdict", () => {
  const said = (change: Parameters<typeof writeWith>[0]) => {
    const summary: Summary = readPart(writeWith(change), "summary.json");
    return verdictOf(summary, { kept: 0, original: { missing: "" } });
  };

  test.each([
    [0.9, 0.925, 0.05, "92.5 % of 8 images to judge by, 2.50 points more than the original, and"],
    [
      ...[0.9, 0.925, 0.06],
      "92.5 % of 8 images to judge by, 2.50 points more than the original, a difference that may be chance, and",
    ],
    [0.9, 0.875, 0.01, "87.5 % of 8 images to judge by, 2.50 points less than the original, and"],
    [0.9, 0.9, 0.9, "90.0 % of 8 images to judge by, as many as the original, and"],
    // Two of 50,000 images.
    [
      0.9,
      0.90004,
      0.01,
      "90.0 % of 8 images to judge by, 0.004 points more than the original, and",
    ],
    [1, 0.9996, 0.01, "99.96 % of 8 images to judge by, 0.04 points less than the original, and"],
  ] as const)("on accuracies of %d and %d where p is %d", (before, after, pValue, sentence) => {
    const { accuracy } = said(({ original, obfuscated, verify }) => {
      original.accuracy = before;
      obfuscated.accuracy = after;
      verify.paired.pValue = pValue;
    });
    expect(accuracy).toBe(
      `The chain is right on ${sentence} gives the original's answer on 62.5 %.`,
    );
  });

  test("says of images without labels how often both answer alike, and no more", () => {
    const { accuracy } = said(({ original, obfuscated, verify }) => {
      for (const each of [original, obfuscated]) each.accuracy = null;
      delete verify.paired;
    });
    expect(accuracy).toMatch(
      /^The chain gives the original's answer on 62\.5 % of 8 images .* not known, since the images have no labels\.$/,
    );
  });

  // The original takes 0.2 ms and 8 ms.
  test.each([
    [0.19, 7, "It is faster: it takes 0.950 of the original's time for one image and 0.875"],
    [
      0.3,
      7,
      "It is not always faster: it takes 1.50 of the original's time for one image and 0.875",
    ],
    [
      0.1,
      12,
      "It is not always faster: it takes 0.500 of the original's time for one image and 1.50",
    ],
    [0.2, 8, "It is slower: it takes 1.00 of the original's time for one image and 1.00"],
  ])("on %d ms for one image and %d ms for 64", (batch1, batch64, sentence) => {
    const { speed } = said(({ obfuscated }) => {
      obfuscated.latencyMs = { batch1, batch64 };
    });
    expect(speed).toBe(`${sentence} of the original's time for 64 at once.`);
  });
});

describe("a folded diagram", () => {
  const box = (what: string, shape: readonly number[], from: readonly number[]): Box => {
    const kind = what === "sum" ? "sum" : "convolution";
    return { what, shape, kind, from, inClassifier: what === "linear" };
  };
  /** Two convolutions and their sum with what they read, the box before `at`. */
  const residual = (at: number, channels: number, size = 4) => {
    const shape = [channels, size, size];
    return [box("a", shape, [at - 1]), box("b", shape, [at]), box("sum", shape, [at - 1, at + 1])];
  };
  const ends = {
    first: box("stem", [8, 4, 4], []),
    last: (at: number) => box("linear", [5], [at]),
  };

  test("draws repeated blocks once, with their sizes, and what follows behind them", () => {
    const blocks = [residual(1, 8), residual(4, 16), residual(7, 24)].flat();
    const { boxes, frames } = foldDiagram([ends.first, ...blocks, ends.last(9)]);
    expect(frames).toEqual([{ first: 1, last: 3, times: 3 }]);
    expect(boxes.map(({ what, sizes, from }) => [what, sizes, from])).toEqual([
      ["stem", "8×4×4", []],
      ["a", "8–24×4×4", [0]],
      ["b", "8–24×4×4", [1]],
      ["sum", "", [0, 2]],
      ["linear", "5", [3]],
    ]);
    expect(boxes.map(({ inClassifier }) => inClassifier)).toEqual([
      ...[false, false, false, false, true],
    ]);
  });

  test("keeps apart blocks of other sizes", () => {
    const blocks = [residual(1, 8), residual(4, 8), residual(7, 8, 2), residual(10, 8, 2)].flat();
    const { boxes, frames } = foldDiagram([ends.first, ...blocks, ends.last(12)]);
    expect(frames).toEqual([
      { first: 1, last: 3, times: 2 },
      { first: 4, last: 6, times: 2 },
    ]);
    expect(boxes.map(({ from }) => from)).toEqual([
      ...[[], [0], [1], [0, 2], [3], [4], [3, 5], [6]],
    ]);
  });

  test("draws a chain as it is", () => {
    const chain = [0, 1, 2, 3, 4].map((i) => box("a", [8, 4, 4], i === 0 ? [] : [i - 1]));
    const { boxes, frames } = foldDiagram(chain);
    expect(frames).toEqual([]);
    expect(boxes.map(({ from }) => from)).toEqual([[], [0], [1], [2], [3]]);
  });
});

test("of many classes those at both ends are shown, and what is left out is no more than counted", () => {
  const classes = Array.from({ length: 32 }, (_, i) => {
    return { name: `class ${i}`, images: 10, original: 1, obfuscated: i / 40 };
  });
  const { content } = classesSection({
    classes: { samples: 320, classes, confusions: [] },
  } as unknown as Report);
  // Every class loses more than the last ones, which are shown.
  expect(content.text).toContain("loses and gains. 2 classes between are left out.</p>");
  expect(content.text).toContain(">class 14<");
  expect(content.text).not.toContain(">class 15<");
});

test("an original whose layers read most others has no drawing: it would take too long", async () => {
  const build = new GraphBuilder({ seed: 3 });
  const image = build.input("image", ["N", 1, 16, 16]);
  const features = [image];
  for (let layer = 0; layer < 40; layer++) {
    // Each in another order, so that no concatenation begins as an earlier one.
    const x = build.concat(features.toReversed(), { name: `${layer}.concat` });
    features.push(build.conv(x, { name: `${layer}`, outputs: 1, kernel: 1 }));
  }
  const pooled = build.globalAveragePool(build.concat([...features], { name: "last" }));
  build.output(build.linear(build.flatten(pooled), { name: "fc", outputs: 4 }), "scores");
  const { architectures } = await collectReport(write({ original: build.build() }));
  expect(architectures.original).toEqual({
    missing: "too many of its layers read layers far before them, too many lines to draw",
  });
  expect(isMissing(architectures.obfuscated)).toBe(false);
});

test("convolutions behind the boundary are said to be the original's", async () => {
  const run = writeWith((summary) => {
    summary.obfuscated.convolutions = 5;
  });
  const { verdict, protection } = await collectReport(run);
  expect(verdict).toMatchObject({
    hiding: expect.stringContaining("3 convolutions in a row, and 2 of the original's own behind"),
  });
  expect(protection.remains[0]).toBe(
    "Taking the 2 convolutions behind the boundary: they are the original's own, as they are.",
  );
  expect(protection.stops[1]).toContain("extractor before the boundary");
});

test("a training in stages counts its epochs once, and tells the loss of the last stage", async () => {
  const run = write();
  const record = (stage: string, epoch: number, loss: number) =>
    JSON.stringify({ stage, epoch, epochs: 3, imagesPerSecond: 800, seconds: 4, losses: { loss } });
  // The first stage ends within the second epoch.
  const lines = [
    record("a", 1, 9),
    record("a", 2, 8),
    record("chain", 2, 5),
    record("chain", 3, 2),
  ];
  writeFileSync(join(run, "metrics.jsonl"), `${lines.join("\n")}\n`);
  const page = renderReport(await collectReport(run));
  expect(page).toContain("3 of 3 epochs, 5.33 s each. The loss of “chain” went from 5.00 to 2.00.");
});

test("a part of the loss may be called as what every object has", async () => {
  const run = write();
  const record = (epoch: number, losses: object) =>
    JSON.stringify({ stage: "a", epoch, epochs: 2, imagesPerSecond: 800, seconds: 4, losses });
  const lines = [record(1, { loss: 2 }), record(2, { loss: 1, constructor: 0.5 })];
  writeFileSync(join(run, "metrics.jsonl"), `${lines.join("\n")}\n`);
  const page = renderReport(await collectReport(run));
  expect(page).toContain("<title>constructor: 0.5 at 2</title>");
  expect(page).not.toContain("native code");
});

describe("a comparison", () => {
  const compared = async (...names: string[]) => {
    const out = file("comparisons");
    const { report, json } = await writeComparison(
      names.map((name) => file(name)),
      { out },
    );
    const facts = JSON.parse(readFileSync(json, "utf8")) as { run: { name: string } }[];
    return { page: readFileSync(report, "utf8"), names: facts.map(({ run }) => run.name) };
  };

  test("ranks runs with the same data, by as much of their paths as tells them apart", async () => {
    for (const name of ["first/seed/run", "second/seed/run", "alone"]) writeRun(file, { name });
    const { page, names } = await compared("first/seed/run", "second/seed/run", "alone");
    expect(names).toEqual(["first/seed/run", "second/seed/run", "alone"]);
    expect(page).toContain("first/seed/run is the most accurate: 87.50 %.");
    expect(page).not.toContain("Not ranked");
    expect((await compared("first/seed/run", "alone")).names).toEqual(["run", "alone"]);
  });

  test("ranks runs that learned from other images and are judged by the same", async () => {
    writeRun(file, { name: "own", testContent: "test" });
    writeRun(file, { name: "extra", dataContent: "more", testContent: "test" });
    const { page } = await compared("own", "extra");
    expect(page).toContain("own is the most accurate: 87.50 %.");
  });

  test("names the most accurate run and the fastest, and those that no other one beats", async () => {
    const written = (name: string, accuracy: number, batch1: number) =>
      writeWith(
        ({ obfuscated }) => {
          obfuscated.accuracy = accuracy;
          obfuscated.latencyMs.batch1 = batch1;
        },
        { name },
      );
    // The originals take 0.2 ms; the third run is beaten by the second, which is as accurate.
    written("accurate", 0.95, 0.16);
    written("fast", 0.9, 0.08);
    written("beaten", 0.9, 0.12);
    const { page } = await compared("beaten", "fast", "accurate");
    for (const sentence of [
      "accurate is the most accurate: 95.00 %.",
      "fast is the fastest: 0.400 of its original&#39;s time for one image.",
      "2 of 3 finished runs are best at something",
    ]) {
      expect(page).toContain(sentence);
    }
    // The most accurate stands highest, the fastest leftmost.
    const dots = [...page.matchAll(/<circle class="(f\d)" cx="([\d.]+)" cy="([\d.]+)" r="[46]"/g)];
    const [beaten, fast, accurate] = dots.map(([, look, x, y]) => ({ look, x: +x!, y: +y! }));
    expect([beaten, fast, accurate].map((dot) => dot?.look)).toEqual(["f4", "f0", "f0"]);
    expect(fast!.x).toBeLessThan(beaten!.x);
    expect(beaten!.x).toBeLessThan(accurate!.x);
    expect(accurate!.y).toBeLessThan(fast!.y);
    expect(fast!.y).toBe(beaten!.y);
    const cells = ["accurate", "4 → 3", "90.00 %", "95.00 %", "+5.00", "62.50 %", "0.800", "0.500"];
    expect(page.replaceAll(/<[^>]*>/g, "|").replaceAll(/\|+\s*/g, "|")).toContain(cells.join("|"));
  });

  test("ranks no accuracies on different images", async () => {
    writeRun(file, { name: "test" });
    writeRun(file, { name: "held", dataContent: "held out" });
    const { page } = await compared("test", "held");
    expect(page).not.toContain("is the most accurate");
    expect(page).not.toContain("best at something");
    expect(page).toContain(
      "Not ranked: the runs are judged by different images, so their accuracies say nothing of which is better: " +
        "test (8 images); held (8 images).",
    );
  });
});

describe("a run that is not whole", () => {
  test("that was cut short has no verdict, but a training", async () => {
    const report = await after((run) => {
      for (const name of ["summary.json", "predictions.json", "model.onnx"])
        rmSync(join(run, name));
    });
    expect(report.run.finished).toBe(false);
    expect(report.verdict).toEqual({ missing: "the run has no summary.json" });
    expect(report.architectures.obfuscated).toEqual({ missing: "the run has no model.onnx" });
    expect(isMissing(report.training)).toBe(false);
  });

  test("with a model file that no model is as large as", async () => {
    const report = await after((run) => truncateSync(join(run, "model.onnx"), 2 ** 40));
    expect(report.architectures.obfuscated).toEqual({
      missing: expect.stringMatching(
        /^model\.onnx holds 1099511627776 bytes, and at most 2147483647/,
      ),
    });
  });

  test("with links in place of its files: what they lead to is not shown", async () => {
    const outside = write();
    const report = await after((run) => {
      for (const name of ["metrics.jsonl", "summary.json", "model.onnx"]) {
        rmSync(join(run, name));
        symlinkSync(join(outside, name), join(run, name));
      }
    });
    const isLink = (name: string) => ({ missing: expect.stringMatching(`^${name} is a link: `) });
    expect(report.training).toEqual(isLink("metrics.jsonl"));
    expect(report.verdict).toEqual(isLink("summary.json"));
    expect(report.architectures.obfuscated).toEqual(isLink("model.onnx"));
  });

  test("with JSON that is nested deeper than any run's", async () => {
    const report = await after((run) => {
      const path = join(run, "summary.json");
      const deep = `"deep":${"[".repeat(100_000)}${"]".repeat(100_000)}`;
      writeFileSync(path, readFileSync(path, "utf8").replace("{", `{${deep},`));
    });
    expect(report.verdict).toEqual({
      missing: "summary.json is damaged: it does not hold JSON of a run",
    });
  });

  test("without metrics, with a line cut short, with damaged lines", async () => {
    const none = await after((run) => rmSync(join(run, "metrics.jsonl")));
    expect(none.training).toEqual({ missing: "the run has no metrics.jsonl" });
    const run = write();
    const line =
      '{"stage":"chain","epoch":1,"epochs":2,"imagesPerSecond":1,"seconds":1,"losses":{}}';
    writeFileSync(join(run, "metrics.jsonl"), `${line}\nnonsense\n{"epoch":-1}\n{"stage":"ch`);
    const { training } = await collectReport(run);
    expect(training).toMatchObject({ unreadableLines: 2, epochs: [{ epoch: 1 }] });
  });

  test("edited by hand: a sentence names the place", async () => {
    const report = await after((run) => {
      const summary = readPart(run, "summary.json");
      summary.original.accuracy = "<b>100 %</b>";
      writeFileSync(join(run, "summary.json"), JSON.stringify(summary));
    });
    expect(report.verdict).toEqual({
      missing: expect.stringMatching(
        /^summary\.json is not what a run writes: original\.accuracy: /,
      ),
    });
    const other = await after((run) => {
      const predictions = readPart(run, "predictions.json");
      predictions.labels[0] = 3;
      writeFileSync(join(run, "predictions.json"), JSON.stringify(predictions));
    });
    expect(other.classes).toEqual({
      missing: "predictions.json is not what the run wrote: its SHA-256 differs",
    });
  });

  test("of an older version, without the answers to each image", async () => {
    const report = await after((run) => {
      const summary = readPart(run, "summary.json");
      delete summary.verify.predictionsSha256;
      writeFileSync(join(run, "summary.json"), JSON.stringify(summary));
    });
    expect(isMissing(report.verdict)).toBe(false);
    expect(report.classes).toEqual({ missing: expect.stringContaining("version") });
  });

  test("whose original is gone or another, or whose file was replaced", async () => {
    const gone = await after((run) => rmSync(`${run}.original.onnx`));
    expect(gone.architectures.original).toEqual({
      missing: expect.stringContaining("does not exist"),
    });
    const other = await after((run) => writeFileSync(`${run}.original.onnx`, "damaged"));
    expect(isMissing(other.architectures.original)).toBe(true);
    const replaced = await after((run) => {
      file(`${basename(run)}.original.onnx`, { ...residualModel(), name: "another" });
    });
    expect(replaced.architectures.original).toEqual({
      missing: expect.stringContaining("its SHA-256 differs"),
    });
    const run = write();
    writeFileSync(join(run, "model.onnx"), "something else");
    const { reproduction } = await collectReport(run);
    expect(reproduction.hashes).toContainEqual(
      expect.objectContaining({ remark: "not the file that was measured" }),
    );
  });

  test("that is none of this job is refused in a sentence", async () => {
    file("empty/nothing", "");
    await expect(collectReport(file("empty"))).rejects.toThrow(UsageError);
    file("train/config.json", '{"job":"train","options":{"checkpointSeconds":60}}');
    await expect(collectReport(file("train"))).rejects.toThrow(
      /"obfuscate", but train is of "train"/,
    );
    file("damaged/config.json", '{"job":"obfuscate","options":{"model":7,"checkpointSeconds":60}}');
    await expect(collectReport(file("damaged"))).rejects.toThrow(DataError);
    file("torn/config.json", '{"job":');
    await expect(collectReport(file("torn"))).rejects.toThrow(DataError);
  });
});

test("hostile names are shown and not obeyed, however long", async () => {
  const long = "<script>".repeat(131_072);
  const run = write({
    name: "<script>window.attacked=true<",
    classes: [...hostileNames.slice(0, 3), long],
    stage: hostileNames[3],
    original: hostileModel(),
  });
  const page = renderReport(await collectReport(run));
  expect(page).not.toContain("<script");
  expect(page).not.toMatch(/<img src=x/);
  for (const mark of ["\u202e", "\u2066", "\u001b"]) expect(page).not.toContain(mark);
  expect(page.length).toBeLessThan(150_000);
});
