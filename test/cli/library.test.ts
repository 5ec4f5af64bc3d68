// The package as a library: the same jobs, and nothing heavy loaded before one starts.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterAll, describe, expect, test, vi } from "vitest";
import * as examples from "../../examples/library.ts";
import { loadData } from "../../src/data/index.ts";
import { DataError, GateError, InterruptedError } from "../../src/errors.ts";
import * as library from "../../src/index.ts";
import { goingOn, withModelFile } from "../../src/library/modelFile.ts";
import { renameOptions } from "../../src/library/words.ts";
import { RunFolder } from "../../src/runs/index.ts";
import { generator } from "../random.ts";
import { mountDisk, workshop } from "../workshop.ts";
import { root } from "./deepobf.ts";
import { idxFiles, mapModel, residualModel } from "./fixtures.ts";

// Models that are bytes are written below it: those of other tests must not show here.
const temporary = await vi.hoisted(async () => {
  const { mkdtempSync: make } = await import("node:fs");
  const folder = make("/tmp/deepobf-library-");
  process.env.TMPDIR = folder;
  return folder;
});
afterAll(() => rmSync(temporary, { recursive: true }));

const file = workshop();
const model = file("model.onnx", residualModel());
for (const [name, content] of Object.entries(idxFiles())) file(`idx/${name}`, content);
const data = `idx:${file("idx")}`;

test("the front door is a short list of names", () => {
  expect(Object.keys(library).sort()).toEqual([
    ...["DataError", "DeepObfError", "DivergedError", "GateError", "InterruptedError"],
    ...["ModelError", "PartDone", "ResourceError", "UsageError", "WorkerError"],
    ...["attack", "check", "doctor", "evaluate", "inspect", "obfuscate", "plan", "resume"],
    ...["saveImages", "train"],
  ]);
});

test("importing it by its name loads no native code", () => {
  const script = `
    const { inspect } = await import("deepobf");
    const { convolutions } = await inspect({ model: process.argv[1] });
    const loaded = process.report.getReport().sharedObjects.filter((path) => /torch|onnxruntime|\\.node$/.test(path));
    console.log(JSON.stringify({ convolutions, loaded }));`;
  const args = ["--input-type=module", "-e", script, model];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toEqual({ convolutions: 4, loaded: [] });
});

describe("jobs", () => {
  test("tell their progress, stop when asked, and go on", async () => {
    const controller = new AbortController();
    const kinds = new Set<string>();
    const onProgress = ({ type }: library.ProgressEvent) => {
      kinds.add(type);
      if (type === "epoch") controller.abort();
    };
    const out = file("run");
    const options = { data, epochs: 50, out, threads: 1 };
    const stopped = library.train(
      { ...options, architecture: "resnet8" },
      { onProgress, signal: controller.signal },
    );
    await expect(stopped).rejects.toThrow(library.InterruptedError);
    await expect(stopped).rejects.toMatchObject({ exitCode: 130 });
    expect([...kinds]).toEqual(expect.arrayContaining(["step", "epoch"]));

    const again = new AbortController();
    again.abort();
    await expect(library.resume(out, { signal: again.signal })).rejects.toThrow(/resume/);
  });

  test("evaluate and check give what the commands print", async () => {
    const evaluated = await library.evaluate({ model, data, runtime: "torch" });
    expect(evaluated).toMatchObject({ samples: 32, accuracy: 0.25 });
    const checked = await library.check({ model });
    expect(checked.maxRelDiff).toBeLessThan(1e-5);
  });

  test("inspect says why something is null", async () => {
    const inspection = await library.inspect({ model: file("map.onnx", mapModel()) });
    expect(inspection).toMatchObject({
      boundary: null,
      warnings: [expect.stringMatching(/^expected a classifier, /)],
    });
  });

  test("refuse with the command line's errors", async () => {
    await expect(library.inspect({ model: file("none.onnx") })).rejects.toThrow(library.ModelError);
    const nowhere = `idx:${file("nowhere")}`;
    await expect(library.evaluate({ model, data: nowhere })).rejects.toThrow(library.DataError);
    for (const job of ["other", "constructor"]) {
      file(`${job}/config.json`, JSON.stringify({ job, options: { checkpointSeconds: 60 } }));
      await expect(library.resume(file(job))).rejects.toThrow(
        new library.UsageError(
          `expected the folder of a run of train or obfuscate or attack, but ${file(job)} is of "${job}"`,
        ),
      );
    }
  });
});

describe("errors", () => {
  test("name options as the library has them", async () => {
    const asked = library.evaluate({ model, data, mean: [1, 2] });
    await expect(asked).rejects.toThrow(library.UsageError);
    await expect(asked).rejects.not.toThrow(/--/);
    const wrong = library.obfuscate({ model, data, epochs: 0, out: file("wrong") });
    await expect(wrong).rejects.toThrow(
      /^obfuscate cannot .*\n {2}epochs: .*expected number to be >=1$/,
    );
  });

  test("name arguments of the command line as options, and commands as they are", () => {
    for (const [message, renamed] of [
      [
        'ARCH: expected one of a, b, received "vgg"',
        'architecture: expected one of a, b, received "vgg"',
      ],
      ["the ONNX file that MODEL was made of", "the ONNX file that model was made of"],
      ["/MODEL/a.onnx, MODEL.onnx and MODELS", "/MODEL/a.onnx, MODEL.onnx and MODELS"],
      [
        "--device cuda: none. Use --device cpu, or: npx deepobf x --y",
        "device cuda: none. Use device cpu, or: npx deepobf x --y",
      ],
      [
        "node bin/deepobf.js attack FILE --original FILE",
        "node bin/deepobf.js attack FILE --original FILE",
      ],
    ] as const) {
      expect(renameOptions(message)).toBe(renamed);
    }
  });

  test("keep the options of other programs", () => {
    const message =
      "a smaller --batch-size, not a-b --x\nnpm install --ignore-scripts onnxruntime-node";
    expect(renameOptions(message)).toBe(
      "a smaller batchSize, not a-b x\nnpm install --ignore-scripts onnxruntime-node",
    );
  });
});

test("options of no function, or of another kind, are refused by name before anything is read", async () => {
  const wrong = <T>(options: T) => options as never;
  const given = { model, data };
  const cases: readonly (readonly [() => Promise<unknown>, RegExp])[] = [
    [() => library.obfuscate(wrong({ ...given, epocs: 3 })), /obfuscate .*\n.*"epocs"/],
    [() => library.plan(wrong({ ...given, quantize: ["int4"] })), /quantize\.0: .*"int8"/],
    [() => library.plan(wrong({ ...given, precision: "f16" })), /precision: .*"auto"/],
    [
      () => library.obfuscate(wrong({ ...given, epochs: "1" })),
      /epochs: expected .*received string/,
    ],
    [() => library.train(wrong({ architecture: "resnet8" })), /data: /],
    [() => library.attack(wrong({ ...given, kind: "transfer", budgets: 1 })), /budgets: /],
    [() => library.evaluate(wrong({ ...given, runtime: "foo" })), /runtime: .*"ort"/],
    [() => library.evaluate(wrong({ ...given, device: "gpu" })), /device: expected cpu, cuda/],
    [() => library.evaluate(wrong({ ...given, mean: 0.5 })), /mean: expected array/],
    [() => library.check(wrong({ model, inputShape: "1,3,3,3" })), /inputShape: expected array/],
    [() => library.inspect(wrong({})), /model: expected a path or bytes/],
    [() => library.resume(wrong(undefined)), /expected the folder of a run, received undefined/],
  ];
  for (const [call, message] of cases) {
    await expect(call()).rejects.toThrow(library.UsageError);
    await expect(call()).rejects.toThrow(message);
  }
});

test("options that are undefined are as if left out", async () => {
  const asked = { model, data, depth: 3, epochs: 1, threads: 1, acceptOriginal: true };
  const open = { labelWeight: undefined, distillationWeight: undefined, temperature: undefined };
  const { options } = await library.plan({ ...asked, ...open } as never);
  expect(options).toEqual((await library.plan(asked)).options);
});

test("hooks of another kind are refused by name before anything is read", async () => {
  const [wrong, out] = [(hooks: unknown) => hooks as never, file("never")];
  const options = { model, data, out, kind: "transfer" } as const;
  const calls = [
    (hooks: never) => library.obfuscate({ model, data, out }, hooks),
    (hooks: never) => library.plan({ model, data }, hooks),
    (hooks: never) => library.train({ architecture: "resnet8", data, out }, hooks),
    (hooks: never) => library.attack(options, hooks),
    (hooks: never) => library.resume(out, hooks),
  ];
  for (const call of calls) {
    for (const [hooks, problem] of [
      [{ signal: new AbortController() }, "signal: "],
      [{ onProgress: "x" }, "onProgress: "],
      [{ onprogress: () => {} }, 'Unrecognized key: "onprogress"'],
      [() => {}, "expected object, received function"],
    ] as const) {
      const called = call(wrong(hooks));
      await expect(called).rejects.toThrow(library.UsageError);
      await expect(called).rejects.toThrow(` cannot take these hooks:\n  ${problem}`);
    }
  }
});

test("an abort without a reason is an interruption, before a job's first step and later", async () => {
  const options = { model, data, out: file("aborted"), depth: 3, epochs: 1, threads: 1 };
  const aborted = library.obfuscate(options, { signal: AbortSignal.abort() });
  await expect(aborted).rejects.toMatchObject({ exitCode: 130 });
});

test("an attack takes a stolen file that is bytes, too", async () => {
  const out = file("theft");
  const stolen = { model: readFileSync(model), original: model, kind: "transfer", out } as const;
  const theft = library.attack({ ...stolen, data: `idx:${file("nowhere")}` });
  await expect(theft).rejects.toThrow(library.DataError);
});

describe("the examples", () => {
  const bytes = readFileSync(model);

  test("look at a model that is bytes, and write nothing", async () => {
    const before = readdirSync(temporary).filter((name) => name.startsWith("deepobf-model-"));
    expect(await examples.look(bytes, data)).toMatch(
      /^4 convolutions before .* become 3, in \d+ epochs; they should take \d+ % of the time$/,
    );
    const after = readdirSync(temporary).filter((name) => name.startsWith("deepobf-model-"));
    expect(after).toEqual(before);
  });

  test("keep bytes as a file where a run has begun that can go on from it", async () => {
    for (const [error, isBegun, isKept] of [
      [new DataError("an image is gone"), true, true],
      [new RangeError("in a hook of the caller"), true, true],
      [new GateError("the run is complete, but missed"), true, false],
      [new InterruptedError("SIGINT", "stopped while the data were read"), false, false],
    ] as const) {
      let path = "";
      const work = withModelFile({ model: bytes }, async ({ model: written }, keep) => {
        path = written;
        if (isBegun) keep();
        throw error;
      });
      await expect(work).rejects.toBe(error);
      expect(existsSync(path), String(error)).toBe(isKept);
      rmSync(dirname(path), { recursive: true, force: true });
    }
  });

  test("leave what a run that began with bytes goes on from where a hook has failed", async () => {
    const out = file("failed");
    const failing = new RangeError("in a hook of the caller");
    const onProgress = ({ type }: library.ProgressEvent) => {
      if (type === "step") throw failing;
    };
    const options = { data, out, depth: 3, epochs: 1, threads: 1, acceptOriginal: true };
    const work = library.obfuscate({ ...options, model: bytes }, { onProgress });
    await expect(work).rejects.toBe(failing);
    const { model: kept } = JSON.parse(readFileSync(join(out, "config.json"), "utf8")).options;
    expect(readFileSync(kept)).toEqual(bytes);
    await library.resume(out);
    expect(existsSync(dirname(kept))).toBe(false);
  });

  test("leave what a run began with from where it has its folder, whatever fails next", async () => {
    const out = file("unlocked");
    const failing = new library.ResourceError("the disk is full");
    const spy = vi.spyOn(RunFolder.prototype, "whileLocked").mockRejectedValueOnce(failing);
    const options = { data, out, depth: 3, epochs: 1, threads: 1, acceptOriginal: true };
    await expect(library.obfuscate({ ...options, model: bytes })).rejects.toBe(failing);
    spy.mockRestore();
    const { model: kept } = JSON.parse(readFileSync(join(out, "config.json"), "utf8")).options;
    expect(readFileSync(kept)).toEqual(bytes);
    rmSync(dirname(kept), { recursive: true });
  });

  test("leave a file of the caller's that is called alike", async () => {
    const folder = mkdtempSync(join(temporary, "deepobf-model-"));
    const mine = join(folder, "model.onnx");
    writeFileSync(mine, bytes);
    try {
      expect(await goingOn({ model: mine }, async () => "done")).toBe("done");
      expect(existsSync(mine)).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("hide a model", async () => {
    const out = file("hidden");
    expect(await examples.hide(bytes, data, { out })).toBeGreaterThanOrEqual(0);
    expect(readdirSync(out)).toContain("model.onnx");
  });

  test("save a program's images, which jobs read to the last level of grey", async () => {
    const directory = file("drawn");
    const saved = await examples.fromProgram(directory);
    expect(saved).toEqual({
      data: `images:${directory}`,
      classes: join(directory, "classes.json"),
    });
    const { train } = await loadData(saved.data, { ...saved, shape: [1, 16, 16] });
    expect(train).toMatchObject({ count: 40, classes: ["dark", "light"] });
    const pixels = await train.read(Int32Array.from({ length: 40 }, (_, place) => place));
    const levels = Array.from(train.labels!, (label, place) => [label, pixels[place * 256]]);
    const drawn = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? [0, i] : [1, 255 - i]));
    expect(new Set(levels.map(String))).toEqual(new Set(drawn.map(String)));
    await expect(examples.fromProgram(directory)).rejects.toThrow("a folder that does not exist");
  });
});

test("saved images touch nothing but their own folder", async () => {
  const pixel = { pixels: Uint8Array.of(1, 2, 3), shape: [1, 1, 3] as const };
  const kept = file("mine.partial/precious.txt", "kept");
  file("mine.partial/train/a/7", "an image of another time");
  const images = {
    classes: ["a"],
    train: [{ ...pixel, label: 0 }],
    test: [{ ...pixel, label: 0 }],
  };
  const wrong = { ...images, test: [{ ...pixel, label: 5 }] };
  await expect(library.saveImages(file("mine"), wrong)).rejects.toThrow(library.DataError);
  expect(existsSync(file("mine"))).toBe(false);
  const { data } = await library.saveImages(`${file("mine")}/`, images);
  expect(readFileSync(kept, "utf8")).toBe("kept");
  expect(readdirSync(join(data.slice("images:".length), "train", "a"))).toEqual(["0"]);
});

test("what a caller's own images fail by passes as it is", async () => {
  const missing = file("photos/missing.png");
  const photos = function* () {
    yield { file: readFileSync(missing) };
  };
  const out = file("unsaved");
  const error = await library.saveImages(out, { train: photos(), test: [] }).catch((each) => each);
  expect(error).not.toBeInstanceOf(library.DeepObfError);
  expect(error).toMatchObject({ code: "ENOENT", path: missing });
  expect(readdirSync(dirname(out)).filter((name) => name.startsWith("unsaved"))).toEqual([]);
});

const disk = file("disk");
test.skipIf(!mountDisk(disk, 64))("images that fill a disk leave nothing there", async () => {
  const random = generator(1);
  // Noise, which a PNG cannot shorten.
  const image = {
    pixels: Uint8Array.from({ length: 20_000 }, () => random(256)),
    shape: [100, 200, 1] as const,
  };
  const saving = library.saveImages(join(disk, "images"), {
    train: Array(5).fill(image),
    test: [],
  });
  await expect(saving).rejects.toThrow(library.ResourceError);
  await expect(saving).rejects.toThrow(
    /cannot write .*train\/\d: the disk is full; free some space/,
  );
  expect(readdirSync(disk)).toEqual([]);
});

test("images without labels, and labels that no class has", async () => {
  const pixel = { pixels: Uint8Array.of(1, 2, 3), shape: [1, 1, 3] as const };
  const directory = file("unlabelled");
  expect(await library.saveImages(directory, { train: [pixel], test: [pixel] })).toEqual({
    data: `images:${directory}`,
    labels: "none",
  });
  const [classes, other] = [["a"], file("labelled")];
  const save = (test: library.ImageSamples["test"]) =>
    library.saveImages(other, { classes, train: [{ ...pixel, label: 0 }], test });
  await expect(save([{ ...pixel, label: 1 }])).rejects.toThrow(
    /expected a label from 0 to 0, received 1/,
  );
  await expect(save([{ ...pixel, shape: [2, 1, 3], label: 0 }])).rejects.toThrow(
    /received 3 for \[2, 1, 3\]/,
  );
  expect(existsSync(`${other}.partial`)).toBe(false);
});

describe("what is no image, or has no place", () => {
  const pixel = { label: 0, pixels: Uint8Array.of(1, 2, 3), shape: [1, 1, 3] };
  const pair = { classes: ["a", "b"], train: [pixel], test: [pixel] };
  const out = file("refused");
  const save = (images: unknown, directory: unknown = out) =>
    library.saveImages(directory as string, images as library.ImageSamples);

  test.each<readonly [string, unknown, RegExp]>([
    ["nothing", undefined, /images: expected object, received undefined/],
    ["no train part", { test: [pixel] }, /images\.train: expected what can be iterated over/],
    ["a number for images", { ...pair, test: 5 }, /images\.test: expected what can be iterated/],
    ["numbers for classes", { ...pair, classes: [0, 1] }, /images\.classes\.0: expected string/],
    ["a part of another name", { ...pair, val: [] }, /"val"/],
  ])("%s is refused as an argument", async (_, images, message) => {
    await expect(save(images)).rejects.toThrow(library.UsageError);
    await expect(save(images)).rejects.toThrow(message);
  });

  test("a folder without a name is refused as an argument", async () => {
    await expect(save(pair, new URL("file:///tmp/x"))).rejects.toThrow(
      /directory: expected string/,
    );
    await expect(save(pair, new URL("file:///tmp/x"))).rejects.toThrow(library.UsageError);
  });

  test.each<readonly [string, object, RegExp]>([
    ["no image", { train: [] }, /^train: expected images, received none$/],
    [
      "a class that folders leave out",
      { classes: ["__MACOSX", "b"] },
      /^class "__MACOSX": expected/,
    ],
    ["a class that is hidden", { classes: [".a", "b"] }, /^class "\.a": expected/],
    [
      "a class of half a character, which a folder's name loses",
      { classes: ["\ud800", "\ud801"] },
      /^class "\\u\{d800\}": expected a name that a folder of images can have$/,
    ],
    ["a class twice", { classes: ["a", "a"] }, /^class "a" comes twice$/],
    ["classes that differ in case", { classes: ["a", "A"] }, /"A" and "a", which differ in case/],
  ])("%s is refused", async (_, images, message) => {
    await expect(save({ ...pair, ...images })).rejects.toThrow(library.DataError);
    await expect(save({ ...pair, ...images })).rejects.toThrow(message);
    expect(existsSync(out)).toBe(false);
  });

  test.each<readonly [string, unknown, RegExp]>([
    ["null", null, /expected object, received null/],
    ["floats", { ...pixel, pixels: Float32Array.of(0.1, 0.2, 0.3) }, /pixels: expected Uint8Array/],
    ["signed bytes", { ...pixel, pixels: Int8Array.of(1, 2, 3) }, /pixels: expected Uint8Array/],
    ["a plain list", { ...pixel, pixels: [1, 2, 3] }, /pixels: expected Uint8Array/],
    ["nothing to see", { ...pixel, pixels: new Uint8Array(), shape: [0, 1, 3] }, /shape\.0: /],
    ["half a row", { ...pixel, shape: [1.5, 2, 1] }, /shape\.0: expected int/],
    ["sides below zero", { ...pixel, shape: [-1, -1, 3] }, /shape\.0: .*shape\.1: /s],
    ["two channels", { ...pixel, shape: [1, 1, 2] }, /shape\.2: expected 1 or 3 channels/],
    ["a buffer for a file", { label: 0, file: new ArrayBuffer(5) }, /file: expected the bytes/],
    ["a name for a label", { ...pixel, label: "length" }, /label: expected number/],
    ["half a label", { ...pixel, label: 0.5 }, /label: expected int/],
  ])("%s is refused with the image's place", async (_, sample, message) => {
    const saving = () => save({ ...pair, test: [pixel, sample] });
    await expect(saving()).rejects.toThrow(library.DataError);
    await expect(saving()).rejects.toThrow(/^image 1 of test: /);
    await expect(saving()).rejects.toThrow(message);
    expect(existsSync(out)).toBe(false);
  });
});

test("the bytes of a file are saved as they are, unless they are no image that jobs read", async () => {
  const drawn = sharp({ create: { width: 9, height: 9, channels: 3, background: "red" } });
  for (const format of ["jpeg", "png", "webp"] as const) {
    const image = { file: await drawn.toFormat(format).toBuffer() };
    const { data } = await library.saveImages(file(format), { train: [image], test: [image] });
    const written = readFileSync(join(data.slice("images:".length), "train", "0"));
    expect(written.equals(image.file)).toBe(true);
  }
  const whole = { file: await drawn.png().toBuffer() };
  for (const [bytes, fault] of [
    [Uint8Array.of(1, 2, 3, 4), "is not a JPEG, PNG or WebP image"],
    [await drawn.gif().toBuffer(), "is not a JPEG, PNG or WebP image"],
    [new Uint8Array(), "is empty"],
    [whole.file.subarray(0, 20), "is damaged: "],
  ] as const) {
    const saving = library.saveImages(file("no images"), {
      train: [whole, { file: bytes }],
      test: [whole],
    });
    await expect(saving).rejects.toThrow(library.DataError);
    await expect(saving).rejects.toThrow(`image 1 of train ${fault}`);
  }
});

test("clamped pixels are saved as they are, and classes without images can be read", async () => {
  const pixel = { label: 2, pixels: Uint8ClampedArray.of(7), shape: [1, 1, 1] as const };
  const images = { classes: ["a", "b", "c"], train: [pixel], test: [pixel] };
  const saved = await library.saveImages(file("clamped"), images);
  const { train } = await loadData(saved.data, { ...saved, shape: [1, 1, 1] });
  expect([...train.labels!]).toEqual([2]);
  expect([...(await train.read(Int32Array.of(0)))]).toEqual([7]);
});
