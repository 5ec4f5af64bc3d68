// What is attacked: two files, or the folder of a run, whatever became of it.
import { symlinkSync } from "node:fs";
import { relative } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { readingOf, readingOfSource } from "../../src/attack/data.ts";
import type { AttackOptions } from "../../src/attack/index.ts";
import { adoptModels } from "../../src/attack/models.ts";
import { prepare } from "../../src/attack/prepare.ts";
import { findTarget } from "../../src/attack/target.ts";
import { fingerprint, loadData } from "../../src/data/index.ts";
import { DeepObfError, ModelError, UsageError } from "../../src/errors.ts";
import { temporaryFolders } from "../data/folder.ts";
import { node } from "../graph/graphs.ts";
import { writeData } from "../obfuscate/tiny.ts";
import { sha256, workshop } from "../workshop.ts";
import { chain, folded, original } from "./pair.ts";

const path = workshop();
const folders = temporaryFolders();
const file = path("original.onnx", folded);
const other = path("other.onnx", original);
const find = (model: string, changes: Partial<AttackOptions> = {}) =>
  findTarget({ model, data: "idx:data", kind: "transfer", ...changes });

let count = 0;

const options = { model: file, mean: [0.4], std: [0.3], data: "idx:task", checkpointSeconds: 60 };

const identity = { model: sha256(file), data: "5".repeat(64) };

/** The folder of an obfuscation, with changes. */
function run({ config = {}, summary = {} }: { config?: object; summary?: object | string } = {}) {
  const folder = `run${count++}`;
  const model = path(`${folder}/model.onnx`, chain);
  const known = { job: "obfuscate", options, identity, ...config };
  path(`${folder}/config.json`, JSON.stringify(known));
  const answer = {
    obfuscated: { sha256: sha256(model) },
    ...(typeof summary === "object" && summary),
  };
  if (summary !== "none") {
    path(`${folder}/summary.json`, typeof summary === "string" ? summary : JSON.stringify(answer));
  }
  return path(folder);
}

describe("data of the model's own classes", () => {
  const read = { resize: 256, testShare: 0.1, classes: ["b", "a"] } as const;
  const data = `images:${path("photos")}`;
  const known = { source: { data, reading: read, fingerprint: "" } };
  const spelled = `images:${relative(process.cwd(), path("photos"))}`;

  test("are read as the run read them, however their folder is spelled", () => {
    for (const reading of [readingOf, readingOfSource]) {
      expect(reading(spelled, known, { channelOrder: "bgr" })).toEqual(read);
    }
    expect(readingOf(spelled, known, { testShare: 0.1, classes: ["b", "a"] })).toEqual(read);
    expect(() => readingOf(spelled, known, { testShare: 0.3 })).toThrow(UsageError);
    expect(() => readingOf(spelled, known, { testShare: 0.3 })).toThrow(
      /--test-share: expected 0\.1, as the run that made the file read .*, received 0\.3/,
    );
    expect(() => readingOf(spelled, known, { imageSize: 64 })).toThrow(
      /--image-size: expected none/,
    );
  });

  test("that no run knows are read as the pirate's, but for the classes", () => {
    const asked = { resize: 64, testShare: 0.2, classes: ["x", "y"], channelOrder: "bgr" } as const;
    const { classes: _, ...rest } = asked;
    expect(readingOf("images:others", known, asked)).toEqual(asked);
    expect(readingOfSource("images:others", known, asked)).toEqual(rest);
    expect(readingOfSource("cifar10:others", {}, asked)).toEqual({ channelOrder: "bgr" });
  });
});

describe("data of the model's own classes in another folder", () => {
  const write = (name: string) => writeData(path(name), { train: 40, test: 20 });
  const [first, copy] = [write("first"), write("copy")];
  const asked = {
    model: path("stolen.onnx", chain),
    original: file,
    mean: [0.4],
    std: [0.3],
    budgets: [1],
    acceptOriginal: true,
    out: path("robbery"),
    data: copy,
  };

  test("are no new classes for a file that a run made", async () => {
    const { data } = await fingerprint(await loadData(first));
    const config = { options: { ...options, data: first }, identity: { ...identity, data } };
    const begun = prepare({ ...asked, model: run({ config }), kind: "transfer" });
    await expect(begun).rejects.toThrow(UsageError);
    await expect(begun).rejects.toThrow(
      /--data: expected classes that the model does not know, but idx:.*copy holds the same images as idx:.*first/,
    );
  });

  test.each([
    ["incremental", /expected classes that the model does not know, but .*copy holds the same/],
    ["extraction", /expected images of another task, .*copy holds the same images as .*first/],
  ] as const)("are refused beside the first ones: %s", async (kind, message) => {
    await expect(prepare({ ...asked, kind, sourceData: first })).rejects.toThrow(message);
  });

  test("are known behind a link, too", () => {
    const link = path("link");
    symlinkSync(first.slice("idx:".length), link);
    const target = {
      source: { data: first, reading: { labels: "folders" }, fingerprint: "" },
    } as const;
    expect(readingOf(`idx:${link}`, target, {})).toEqual(target.source.reading);
  });
});

test("what reading told of both data sets is kept", async () => {
  const photo = (level: number) =>
    sharp({ create: { width: 8, height: 8, channels: 3, background: { r: level, g: 0, b: 0 } } })
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
  const photos = async (classes: string[], start: number) => {
    const parts = ["train", "train", "test"].entries();
    const names = [...parts].flatMap(([i, part]) =>
      classes.map((each) => `${part}/${each}/${i}.png`),
    );
    const files = names.map(async (name, i) => [name, await photo(start + 9 * i)] as const);
    return `images:${await folders(Object.fromEntries(await Promise.all(files)))}`;
  };
  const { description } = await prepare({
    model: path("notes.onnx", chain),
    original: file,
    mean: [0.4],
    std: [0.3],
    kind: "incremental",
    budgets: [1],
    acceptOriginal: true,
    out: path("theft"),
    data: await photos(["a", "b"], 0),
    sourceData: await photos(["c", "d", "e", "f"], 99),
  });
  const rotation = "images carry a camera's rotation, which is applied; torchvision's";
  expect(description.data.notes).toEqual([
    expect.stringContaining(`6 of 6 ${rotation}`),
    expect.stringContaining(`--source-data: 12 of 12 ${rotation}`),
    expect.stringContaining("few images to judge by (2)"),
  ]);
});

test("the original's output is the one that was asked for, in each of its readings", async () => {
  const scores = original.outputs[0]!;
  const nodes = [...original.nodes, node("Neg", [scores.name], "other")];
  const twoOutputs = { ...original, nodes, outputs: [scores, { ...scores, name: "other" }] };
  const open = { ...twoOutputs, inputs: [{ ...original.inputs[0]!, shape: ["N", 1, "H", "W"] }] };
  const paths = { original: path("two.onnx", open), obfuscated: path("chain.onnx", chain) };
  const files = { original: open, obfuscated: chain };
  const options = { paths, shape: [1, 8, 8], output: "other", signal: undefined };
  const adopted = await adoptModels(files, options);
  expect(adopted.original.outputs.map(({ name }) => name)).toEqual(["other"]);
  expect(adopted.obfuscated.outputs).toHaveLength(1);
  const missing = { ...options, output: "neither" };
  await expect(adoptModels(files, missing)).rejects.toThrow(/--output neither: the model has no/);
});

describe("a target", () => {
  test("is a file with its original", async () => {
    expect(await find("shipped.onnx", { original: file })).toEqual({
      obfuscated: "shipped.onnx",
      original: file,
    });
    await expect(find("shipped.onnx")).rejects.toThrow(/--original is missing/);
  });

  test("is a run whose original is gone, where a copy of it is named", async () => {
    const folder = run({
      config: { options: { ...options, model: "/nowhere/model.onnx" } },
    });
    await expect(find(folder)).rejects.toThrow(UsageError);
    await expect(find(folder)).rejects.toThrow(
      /^--original is missing: \/nowhere\/model\.onnx, .* is no longer there .*name a copy of it$/,
    );
    expect(await find(folder, { original: file })).toMatchObject({ original: file });
  });

  test("is a run with what it knows", async () => {
    const folder = run();
    const known = {
      original: file,
      mean: [0.4],
      std: [0.3],
      source: { data: "idx:task", reading: {}, fingerprint: identity.data },
    };
    expect(await find(folder)).toEqual({ obfuscated: `${folder}/model.onnx`, ...known });
    expect(await find(folder, { original: file })).toMatchObject(known);
    const read = { classes: ["b", "a"], channelOrder: "bgr", resize: 256 };
    const output = "logits";
    const options = {
      output,
      model: file,
      mean: [0],
      std: [1],
      data: "images:task",
      flip: true,
      ...read,
    };
    expect(
      await find(run({ config: { options: { ...options, checkpointSeconds: 60 } } })),
    ).toMatchObject({
      output,
      channelOrder: "bgr",
      source: { data: "images:task", reading: read, fingerprint: identity.data },
    });
    await expect(find(folder, { original: other })).rejects.toThrow(ModelError);
    await expect(find(folder, { original: other })).rejects.toThrow(
      /is not the original that this run/,
    );
  });

  test("is no run that is not done, or of another job", async () => {
    await expect(find(run({ summary: "none" }))).rejects.toThrow(
      /a run that is done.*node bin\/deepobf\.js resume/s,
    );
    await expect(find(run({ config: { job: "train" } }))).rejects.toThrow(UsageError);
    await expect(find(path("."))).rejects.toThrow(UsageError);
  });

  test("is no run that somebody changed", async () => {
    const changed = [
      run({ config: { identity: undefined } }),
      run({ config: { options: { model: file, checkpointSeconds: 60 } } }),
      run({ summary: { obfuscated: null } }),
      run({ summary: "null" }),
      run({ summary: "{" }),
    ];
    for (const folder of changed) await expect(find(folder)).rejects.toThrow(DeepObfError);
    const folder = run();
    path(`${folder.split("/").at(-1)}/model.onnx`, folded);
    await expect(find(folder)).rejects.toThrow(/is not the file that this run shipped/);
    const unknown = run({ config: { identity: { ...identity, model: "0".repeat(64) } } });
    await expect(find(unknown)).rejects.toThrow(/is not the original that this run obfuscated/);
  });
});
