// Classifiers that are shown images in another form than they learned from, told from sound ones.
import { describe, expect, test } from "vitest";
import { type Dataset, inMemory, type Labelled, type Normalization } from "../../src/data/index.ts";
import type { Classifier } from "../../src/evaluate/classifier.ts";
import { findOrder } from "../../src/evaluate/classOrder.ts";
import { findDoubt } from "../../src/evaluate/index.ts";
import {
  findBetterForm,
  findTellingForm,
  imagesForEachForm,
  judge,
  suspicionOf,
} from "../../src/evaluate/plausibility.ts";
import { informationOf, meanConfidence } from "../../src/evaluate/probabilities.ts";
import { toFloat32 } from "../../src/graph/tensorData.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import { tinyResnet } from "../obfuscate/tiny.ts";
import { withProperty } from "../onnx/properties.ts";
import { workshop } from "../workshop.ts";

const file = workshop();

const classes = ["ant", "bee", "cat", "dog"];
const count = 400;

/** Images of one colour: red tells the class, green and blue are alike in all of them. */
function colours(): Labelled {
  const labels = Int32Array.from({ length: count }, (_, i) => i % classes.length);
  const pixels = new Uint8Array(count * 3 * 4);
  labels.forEach((label, i) => {
    pixels.fill(40 + 50 * label, i * 12, i * 12 + 4);
    pixels.fill(128, i * 12 + 4, (i + 1) * 12);
  });
  return inMemory({ name: "colours", pixels, labels, shape: [3, 2, 2], classes });
}

/** Sure of the class that the first channel tells, once the normalisation that it learned is undone. */
function classifier(
  learned: Normalization,
  { channel = 0, output = (label: number) => label } = {},
): Classifier {
  return {
    name: "model",
    shape: [3, 2, 2],
    outputs: classes.length,
    takesPixels: false,
    async logits(images) {
      const values = toFloat32(images);
      const logits = new Float32Array(images.shape[0]! * classes.length);
      for (let i = 0; i < images.shape[0]!; i++) {
        const [mean, std] = [learned.mean, learned.std].map((each) => each[channel] ?? each[0]!);
        const level = 255 * (values[i * 12 + channel * 4]! * std! + mean!);
        const label = Math.max(0, Math.min(3, Math.round((level - 40) / 50)));
        logits[i * classes.length + output(label)] = 10;
      }
      return logits;
    },
    latency: async () => 1,
  };
}

/** As the model on this share of a hundred images of each class, on the others sure of one of the next two outputs. */
function rightOn(share: number, model: Classifier): Classifier {
  let seen = 0;
  return {
    ...model,
    async logits(images) {
      const logits = await model.logits(images);
      const answers = new Float32Array(logits.length);
      for (let i = 0; i < images.shape[0]!; i++) {
        const turn = Math.floor(seen++ / classes.length);
        const moved = (turn * 37) % 100 < 100 * share ? 0 : 1 + (turn % 2);
        for (let k = 0; k < classes.length; k++) {
          answers[i * classes.length + ((k + moved) % classes.length)] =
            logits[i * classes.length + k]!;
        }
      }
      return answers;
    },
  };
}

const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const plain = { mean: [0], std: [1] };

function shown<Images extends Dataset>(model: Classifier, images: Images, given: Normalization) {
  return { classifier: model, test: images, given };
}

describe("a sound classifier", () => {
  test("is not suspected", async () => {
    const judgement = await judge(classifier(imageNet), colours(), imageNet);
    expect(judgement).toMatchObject({ samples: count, accuracy: 1, suspicion: undefined });
    expect(judgement.confidence).toBeCloseTo(1 / (1 + 3 * Math.exp(-10)), 6);
    expect(judgement.interval[0]).toBeGreaterThan(0.98);
  });

  test.each([
    ["as they are", 1],
    ["in percent", 100],
    ["as bytes", 256],
  ])("is as sure as its probabilities are, %s", async (_, whole) => {
    const row = [0.5, 0.25, 0.125, 0.125].map((p) => Math.round(whole === 1 ? 1e3 * p : whole * p));
    const unsure: Classifier = {
      ...classifier(plain),
      logits: async ({ shape }) =>
        Float32Array.from(
          { length: 4 * shape[0]! },
          (__, i) => row[i % 4]! / (whole === 1 ? 1e3 : 1),
        ),
    };
    expect((await judge(unsure, colours(), plain)).confidence).toBeCloseTo(0.5, 2);
  });

  test.each([
    [2000, 0.93, 0.98, 10],
    [2000, 0.6, 0.8, 100],
    [2000, 0.3, 0.35, 10],
    [20, 0.1, 0.99, 10],
    [100, 0.8, 0.9, 2],
  ])(
    "of %d images, %d right and %d sure, of %d classes, neither",
    (samples, accuracy, confidence, n) => {
      expect(suspicionOf({ samples, accuracy, confidence, classes: n })).toBeUndefined();
    },
  );
});

describe("suspicion", () => {
  test.each([
    [2000, 0.1, 0.99, 10, "chance"],
    [2000, 0.32, 0.97, 10, "confidence"],
    [2000, 0.22, 0.97, 10, "confidence"],
    [500, 0.52, 0.9, 2, "chance"],
  ] as const)(
    "of %d images, %d right and %d sure, of %d classes: %s",
    (samples, accuracy, confidence, n, why) => {
      expect(suspicionOf({ samples, accuracy, confidence, classes: n })).toBe(why);
    },
  );
});

describe("a doubt", () => {
  test("tells of cameras' rotations that are applied", async () => {
    const forgetful = classifier(imageNet);
    const test = { ...colours(), turned: new Uint8Array(400).fill(1, 0, 100) };
    const judgement = await judge(forgetful, test, plain);
    expect(await findDoubt({ classifier: forgetful, test, given: plain }, judgement)).toMatch(
      /\. But look at this first: 100 of 400 images carry a camera's rotation, which is applied; .*: --orientation keep$/,
    );
  });
});

describe("names of the classes in a model's file", () => {
  const names = (list: readonly string[]) =>
    file("named.onnx", withProperty(encodeModel(tinyResnet()), "names", JSON.stringify(list)));

  test("are compared in whichever Unicode form they are", async () => {
    const [composed, decomposed] = ["\u00e4", "a\u0308"];
    const test = { ...colours(), classes: [decomposed, "bee", "cat", "dog"] };
    const trial = { classifier: classifier(plain), test, given: plain };
    const judgement = await judge(trial.classifier, test, plain);
    const sound = { ...trial, file: names([composed, "bee", "cat", "dog"]) };
    expect(await findDoubt(sound, judgement)).toBeUndefined();
    const turned = { ...trial, file: names(["bee", composed, "cat", "dog"]) };
    expect(await findDoubt(turned, judgement)).toContain(
      `in another order: output 0 is "bee" there, and "${decomposed}" in the data`,
    );
  });

  test("are not compared where there are more or fewer of them than classes", async () => {
    const trial = { classifier: classifier(plain), test: colours(), given: plain };
    const judgement = await judge(trial.classifier, trial.test, plain);
    for (const others of [[...classes, "elk"], classes.slice(1), [...classes, "ant"]]) {
      expect(await findDoubt({ ...trial, file: names(others) }, judgement)).toBeUndefined();
    }
  });
});

describe("explanations", () => {
  test("name a forgotten normalisation", async () => {
    const forgetful = classifier(imageNet);
    expect((await judge(forgetful, colours(), plain)).suspicion).toBeDefined();
    expect(await findBetterForm(shown(forgetful, colours(), plain))).toMatchObject({
      normalization: imageNet,
      reversedChannels: false,
      order: undefined,
      accuracy: 1,
    });
  });

  test("name figures for pixels from 0 to 255", async () => {
    const whole = { mean: [100, 110, 120], std: [60, 61, 62] };
    const scaled = {
      mean: whole.mean.map((value) => value / 255),
      std: whole.std.map((value) => value / 255),
    };
    const learned = classifier(scaled);
    expect(await findBetterForm(shown(learned, colours(), whole))).toMatchObject({
      normalization: { name: "given / 255", ...scaled },
      accuracy: 1,
    });
    const judgement = await judge(learned, colours(), whole);
    const trial = { classifier: learned, test: colours(), given: whole };
    expect(await findDoubt(trial, judgement)).toContain(
      "--mean 0.392157,0.431373,0.470588 --std 0.235294,0.239216,0.243137 (given / 255)",
    );
  });

  test("name channels in reverse", async () => {
    const reversed = classifier(plain, { channel: 2 });
    expect((await judge(reversed, colours(), plain)).suspicion).toBe("chance");
    expect(await findBetterForm(shown(reversed, colours(), plain))).toMatchObject({
      normalization: plain,
      reversedChannels: true,
      accuracy: 1,
    });
  });

  test("are other orders alone where the model takes whole pixels, and no other normalisation", async () => {
    const reversed = classifier(plain, { channel: 2 });
    const ofPixels: Classifier = {
      ...reversed,
      takesPixels: true,
      logits: (images) => {
        if (toFloat32(images).some((value) => value < 0 || value > 1)) throw new Error("no pixels");
        return reversed.logits(images);
      },
    };
    const test = colours();
    const judgement = await judge(ofPixels, test, plain);
    expect(await findDoubt({ classifier: ofPixels, test, given: plain }, judgement)).toContain(
      "It is right on 100.00 % with --channel-order bgr",
    );
    const blind = { ...ofPixels, logits: classifier(plain, { output: () => 0 }).logits };
    expect(await findDoubt({ classifier: blind, test, given: plain }, judgement)).toContain(
      "It normalises its images itself. None of these explains it: the channels in reverse, another order of the classes",
    );
  });

  test("name another order of the classes, also a shift by one", async () => {
    for (const order of [
      [2, 0, 3, 1],
      [1, 2, 3, 0],
    ]) {
      const permuted = classifier(plain, { output: (label) => order[label]! });
      expect((await judge(permuted, colours(), plain)).suspicion).toBe("chance");
      const found = await findBetterForm(shown(permuted, colours(), plain));
      expect(found).toMatchObject({ reversedChannels: false, order, accuracy: 1 });
    }
  });

  test("say the classes in the order of the outputs, as a file for --classes has them", async () => {
    // Output 0 is right for bees, 1 for dogs, 2 for ants, 3 for cats.
    const permuted = classifier(plain, { output: (label) => [2, 0, 3, 1][label]! });
    const judgement = await judge(permuted, colours(), plain);
    const trial = { classifier: permuted, test: colours(), given: plain };
    expect(await findDoubt(trial, judgement)).toContain(
      "with its outputs in the order bee, dog, ant, cat, which --classes FILE gives",
    );
    const ofFormat = { ...trial, test: { ...colours(), hasFixedClasses: true } };
    expect(await findDoubt(ofFormat, judgement)).toContain(
      "with its outputs in the order bee, dog, ant, cat (the format of the data fixes their order: reorder",
    );
  });

  test("say the classes in the order of the outputs, also where that is a shift", async () => {
    const permuted = classifier(plain, { output: (label) => [1, 2, 3, 0][label]! });
    const judgement = await judge(permuted, colours(), plain);
    const trial = { classifier: permuted, test: colours(), given: plain };
    expect(await findDoubt(trial, judgement)).toContain(
      "with its outputs in the order dog, ant, bee, cat, which --classes FILE gives",
    );
  });

  test("turn around the order of channels that was given", async () => {
    const reversed = classifier(plain, { channel: 2 });
    const given = { ...plain, channelOrder: "bgr" as const };
    const judgement = await judge(reversed, colours(), plain);
    expect(await findDoubt({ classifier: reversed, test: colours(), given }, judgement)).toMatch(
      /It is right on 100\.00 % with --channel-order rgb$/,
    );
  });

  test("name a form in which it is right on less than half", async () => {
    const weak = rightOn(0.4, classifier(imageNet));
    const judgement = await judge(weak, colours(), plain);
    expect(judgement.suspicion).toBe("chance");
    expect(await findDoubt(shown(weak, colours(), plain), judgement)).toMatch(
      /: the data are not given as it learned them\. It is right on 40\.00 % with --mean .* \(ImageNet's\)$/,
    );
  });

  test("are none where nothing helps, which leaves two causes", async () => {
    const broken = classifier(plain, { output: () => 0 });
    const judgement = await judge(broken, colours(), plain);
    expect(await findBetterForm(shown(broken, colours(), plain))).toBeUndefined();
    expect(await findDoubt(shown(broken, colours(), plain), judgement)).toMatch(
      /guessing: either the data are not given as it learned them, or it has not learned .*\. None of these explains/,
    );
  });

  test("are none where a classifier that is shown its images rightly is too sure of itself", async () => {
    const sure = rightOn(0.6, classifier(imageNet));
    const judgement = await judge(sure, colours(), imageNet);
    expect(judgement.suspicion).toBe("confidence");
    expect(await findDoubt(shown(sure, colours(), imageNet), judgement)).toMatch(
      /on average: either the data are not given as it learned them, or it is surer than it is right \(overfitted, .*\)/,
    );
  });

  test("are none where another order makes a little more of mere guesses right", async () => {
    const guessing = rightOn(0.34, classifier(plain, { output: (label) => [1, 2, 3, 0][label]! }));
    const judgement = await judge(guessing, colours(), plain);
    expect(judgement.suspicion).toBe("chance");
    expect(await findBetterForm(shown(guessing, colours(), plain))).toBeUndefined();
  });
});

describe("a better form", () => {
  const cifar = { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] };

  /** Colours that stray so far from those of their class that a little more makes some of them another's. */
  function strayingColours(images: number): Labelled {
    const labels = Int32Array.from({ length: images }, (_, i) => i % classes.length);
    const pixels = new Uint8Array(images * 12);
    labels.forEach((label, i) => {
      const strayed = 40 + 50 * label + (((i * 37) % 49) - 24);
      pixels.fill(strayed, i * 12, i * 12 + 4);
      pixels.fill(128, i * 12 + 4, (i + 1) * 12);
    });
    return inMemory({ name: "straying", pixels, labels, shape: [3, 2, 2], classes });
  }

  test("is found where the given one costs a few points that raise no suspicion", async () => {
    const learned = classifier(cifar);
    const judgement = await judge(learned, strayingColours(count), imageNet);
    expect(judgement.suspicion).toBeUndefined();
    expect(judgement.accuracy).toBeGreaterThan(0.9);
    expect(judgement.accuracy).toBeLessThan(0.98);
    expect(await findBetterForm(shown(learned, strayingColours(count), imageNet))).toMatchObject({
      normalization: cifar,
      reversedChannels: false,
      order: undefined,
      accuracy: 1,
    });
  });

  test("is found where channels are in reverse", async () => {
    const reversed = classifier(plain, { channel: 2 });
    expect(await findBetterForm(shown(reversed, colours(), plain))).toMatchObject({
      reversedChannels: true,
      accuracy: 1,
    });
  });

  test("is found where two classes stand for each other", async () => {
    const swapped = classifier(plain, { output: (label) => [1, 0, 2, 3][label]! });
    expect(await findBetterForm(shown(swapped, strayingColours(200), plain))).toMatchObject({
      normalization: plain,
      reversedChannels: false,
      order: [1, 0, 2, 3],
      accuracy: 1,
    });
  });

  test("is none where images are given as they were learned, or are too few to tell", async () => {
    const learned = classifier(cifar);
    expect(await findBetterForm(shown(learned, strayingColours(count), cifar))).toBeUndefined();
    expect(await findBetterForm(shown(learned, strayingColours(60), imageNet))).toBeUndefined();
  });
});

describe("probabilities", () => {
  test("are those of logits of any size", () => {
    const confidence = 1 / (1 + Math.exp(-10));
    for (const level of [-1000, 0, 1000]) {
      const logits = Float32Array.of(level, level + 10, level + 10, level);
      expect(meanConfidence(logits, 2)).toBeCloseTo(confidence, 6);
    }
  });

  test("tell all that they can where each image has an answer of its own", () => {
    const answers = (...classes: number[]) =>
      Float32Array.from(classes.flatMap((k) => [0, 1, 2, 3].map((i) => (i === k ? 1 : 0))));
    expect(informationOf(answers(3, 1), 4)).toBeCloseTo(1, 6);
    expect(informationOf(answers(0, 1, 2, 3, 3, 2, 1, 0), 4)).toBeCloseTo(1, 6);
    // Two of four classes are one of two bits.
    expect(informationOf(answers(0, 1, 0, 1, 0, 1), 4)).toBeCloseTo(0.5, 6);
  });
});

test.each([
  // Sixteen forms: eight normalisations, with the channels either way round.
  [400, false, 30],
  [1600, false, 100],
  [1601, false, 101],
  [100_000, false, 200],
  // Where the model normalises images itself, two.
  [100, true, 50],
  [1000, true, 200],
])(
  "of %d images, each form is tried on as many as keep the time (%s: %d)",
  (images, takesPixels, tried) => {
    const model = { ...classifier(plain), takesPixels };
    expect(imagesForEachForm(shown(model, { ...colours(), count: images }, plain))).toBe(tried);
  },
);

describe("images without labels", () => {
  const { labels: _, classes: __, ...images } = colours();

  test("tell more in the form that was learned", async () => {
    expect(
      await findTellingForm({ ...shown(classifier(imageNet), images, plain), images: count }),
    ).toMatchObject({
      normalization: { name: "ImageNet's" },
      reversedChannels: false,
      information: expect.closeTo(1, 2),
    });
    const reversed = classifier(plain, { channel: 2 });
    const trial = { classifier: reversed, test: images, given: plain, images: count };
    expect(await findDoubt(trial)).toBe(
      "the answers of model tell 0 % of what they could of the images, and 99.9 % with --channel-order bgr: the data " +
        "are not given as it learned them",
    );
  });

  test("raise no doubt where they are given as they were learned, or where no form tells more", async () => {
    const findFor = (model: Classifier, given: Normalization) =>
      findDoubt({ classifier: model, test: images, given });
    expect(await findFor(classifier(imageNet), imageNet)).toBeUndefined();
    expect(await findFor(classifier(plain, { output: () => 0 }), plain)).toBeUndefined();
  });

  test("raise no doubt of a classifier that is unsure in every form", async () => {
    const sure = classifier(imageNet);
    const unsure = {
      ...sure,
      logits: async (given: Parameters<Classifier["logits"]>[0]) =>
        (await sure.logits(given)).map((logit) => logit / 5),
    };
    const form = await findTellingForm({ ...shown(unsure, images, plain), images: count });
    expect(form).toBeUndefined();
  });

  test("tell what image and class have in common", () => {
    const sure = Float32Array.of(1, 0, 0, 1);
    expect(informationOf(sure, 2)).toBeCloseTo(1, 6);
    expect(informationOf(Float32Array.of(1, 0, 1, 0), 2)).toBeCloseTo(0, 6);
    expect(informationOf(Float32Array.of(0.5, 0.5, 0.5, 0.5), 2)).toBeCloseTo(0, 6);
    // Of one bit: the average answer has an entropy of 0.8113, the answers have 0 and 1.
    expect(informationOf(Float32Array.of(1, 0, 0.5, 0.5), 2)).toBeCloseTo(0.8113 - 0.5, 4);
    expect(informationOf(Float32Array.of(50, 0, 0, 50), 2)).toBeCloseTo(1, 6);
  });

  test("are sure where each class has a sigmoid of its own, and a softmax of all other numbers", () => {
    const sigmoids = new Float32Array(100).fill(0.01);
    for (let row = 0; row < 10; row++) sigmoids[11 * row] = 0.97;
    expect(meanConfidence(sigmoids, 10)).toBeCloseTo(0.97 / (0.97 + 9 * 0.01), 6);
    const logits = Float32Array.of(0.97, 0.01, 0.01, 1.5);
    const share = (most: number, least: number) => 1 / (1 + Math.exp(least - most));
    expect(meanConfidence(logits, 2)).toBeCloseTo((share(0.97, 0.01) + share(1.5, 0.01)) / 2, 6);
    expect(meanConfidence(Float32Array.of(0, 0, 0, 0.5), 2)).toBeCloseTo((0.5 + 1) / 2, 6);
  });
});

describe("the order of outputs", () => {
  const find = (answers: number[], labels: number[], outputs: number) =>
    findOrder(
      { answers: Int32Array.from(answers), labels: Int32Array.from(labels), outputs },
      0.25,
    );

  test("is taken only where it explains much more", () => {
    const labels = [0, 0, 1, 1, 2, 2];
    expect(find([1, 1, 0, 0, 2, 2], labels, 3)).toMatchObject({ order: [1, 0, 2], accuracy: 1 });
    expect(find([1, 1, 1, 1, 2, 2], labels, 3)).toBeUndefined();
    expect(find(labels, labels, 3)).toBeUndefined();
  });

  test("is judged by other images than those that tell it", () => {
    // One image of each class fits any order and says nothing of it.
    expect(find([1, 2, 3, 0], [0, 1, 2, 3], 4)).toBeUndefined();
    expect(find([1, 2, 3, 0, 1, 2, 3, 0], [0, 1, 2, 3, 0, 1, 2, 3], 4)).toMatchObject({
      order: [1, 2, 3, 0],
      accuracy: 1,
    });
    // The halves are those of each label, also where the labels alternate.
    expect(find([1, 0, 1, 0], [0, 1, 0, 1], 2)).toMatchObject({ order: [1, 0], accuracy: 1 });
  });

  test("gives each class an output, its own where nothing speaks for another", () => {
    // Of class 2 there is no image, and 0 is wrong as often as it is right.
    expect(
      find([0, 0, 1, 1, 3, 3, 3, 3, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1, 1, 1, 3, 3, 3, 3], 4),
    ).toMatchObject({
      order: [0, 3, 2, 1],
      accuracy: 10 / 12,
    });
  });
});

describe("many classes", () => {
  /** So many images of each class, one after another in class order, as a sorted folder has them. */
  function sorted(number: number, ofEach: number): Labelled {
    const labels = Int32Array.from({ length: number * ofEach }, (_, i) => Math.floor(i / ofEach));
    const pixels = new Uint8Array(2 * labels.length);
    labels.forEach((label, i) => {
      pixels.set([label % 256, Math.floor(label / 256)], 2 * i);
    });
    const names = Array.from({ length: number }, (_, label) => `name ${label}`);
    return inMemory({ name: "many", pixels, labels, shape: [1, 1, 2], classes: names });
  }

  /** Right on eight of ten images, another class else; the first `moved` outputs stand for the class before. */
  function movedBy(moved: number, number: number): Classifier {
    let seen = 0;
    return {
      name: "model",
      shape: [1, 1, 2],
      outputs: number,
      takesPixels: true,
      async logits(images) {
        const values = toFloat32(images);
        const logits = new Float32Array(images.shape[0]! * number);
        for (let i = 0; i < images.shape[0]!; i++) {
          const label = Math.round(255 * values[2 * i]! + 256 * 255 * values[2 * i + 1]!);
          // A step of 7 in 10 spreads the wrong ones over the images of every class.
          const isRight = (seen++ * 7 + label) % 10 < 8;
          const answer = isRight ? label : (label * 31 + seen * 17) % number;
          logits[i * number + (answer < moved ? (answer + 1) % moved : answer)] = 10;
        }
        return logits;
      },
      latency: async () => 1,
    };
  }

  test.each([
    [10, 100, 20],
    [25, 100, 20],
    [250, 1000, 4],
  ])("%d moved outputs of %d are found", async (moved, number, ofEach) => {
    const images = sorted(number, ofEach);
    const found = await findBetterForm(shown(movedBy(moved, number), images, plain));
    const expected = Array.from({ length: number }, (_, k) => (k < moved ? (k + 1) % moved : k));
    expect(found?.order).toEqual(expected);
    expect(found?.accuracy).toBeGreaterThan(0.75);
    expect(await findBetterForm(shown(movedBy(0, number), images, plain))).toBeUndefined();
  });

  test("that are all in other places are found, also a thousand", async () => {
    const model = movedBy(1000, 1000);
    const images = sorted(1000, 4);
    const judgement = await judge(model, images, plain);
    expect(judgement.suspicion).toBe("chance");
    expect(await findDoubt({ classifier: model, test: images, given: plain }, judgement)).toMatch(
      /It is right on \d\d\.\d\d % with labels shifted by 1: --classes FILE gives the order of their names$/,
    );
  });

  test("are told of by the outputs that moved", async () => {
    const model = movedBy(25, 100);
    const images = sorted(100, 20);
    const judgement = await judge(model, images, plain);
    const doubt = await findDoubt({ classifier: model, test: images, given: plain }, judgement);
    expect(doubt).toContain("other outputs for 25 of its 100 classes (1 for name 0, 2 for name 1,");
    expect(doubt).toContain(", and 5 more): --classes FILE");
    const ofFormat = {
      classifier: model,
      test: { ...images, hasFixedClasses: true },
      given: plain,
    };
    expect(await findDoubt(ofFormat, judgement)).toContain("more): the format of the data fixes");
  });

  test("of one image each are not said to have been tried in another order", async () => {
    const model = movedBy(1000, 1000);
    const images = sorted(1000, 1);
    const judgement = await judge(model, images, plain);
    expect(await findDoubt({ classifier: model, test: images, given: plain }, judgement)).toMatch(
      /itself\. Of most classes there are too few images to try another order\. The code/,
    );
  });
});
