// The options of a run in a file: written, filled in, read.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { obfuscateOptions } from "../../src/cli/commands/obfuscate.ts";
import { commonOptions } from "../../src/cli/commonOptions.ts";
import { readConfiguration } from "../../src/cli/configuration.ts";
import { readingOptions, workerOptions } from "../../src/cli/dataOptions.ts";
import { onlyWith, text } from "../../src/cli/options.ts";
import { readOptions } from "../../src/cli/readOptions.ts";
import { mountDisk, workshop } from "../workshop.ts";
import { deepobf } from "./deepobf.ts";

const file = workshop();
const table = { ...obfuscateOptions, ...workerOptions, ...commonOptions };

test("init writes every option with its help, once", async () => {
  const out = file("run.yaml");
  const { code, stdout } = await deepobf(["init", "--out", out]);
  expect(code).toBe(0);
  expect(stdout).toContain(`node bin/deepobf.js obfuscate MODEL.onnx --config ${out}`);
  const text = readFileSync(out, "utf8");
  expect(parse(text)).toEqual({ data: "images:DIR" });

  const everything = parse(text.replaceAll(/^#(?=[a-z])/gm, ""));
  const names = Object.values(table).map(({ flags }) => flags.replace(/^--([a-z-]+).*/, "$1"));
  const wanted = names.filter((name) => name !== "config" && name !== "json");
  expect(Object.keys(everything).sort()).toEqual(wanted.sort());
  expect(everything).toMatchObject({ seed: 0, device: "cpu", flip: true });
  for (const { help } of Object.values(obfuscateOptions)) expect(text).toContain(`# ${help}`);

  const again = await deepobf(["init", "--out", out]);
  expect(again.code).toBe(2);
  expect(again.stderr).toContain("--out: expected a file that does not exist");
});

const disk = file("disk");
test.skipIf(!mountDisk(disk, 8))("half of a file is not left on a full disk", async () => {
  writeFileSync(file("disk/filler"), new Uint8Array(4096));
  const { code, stderr } = await deepobf(["init", "--out", file("disk/run.yaml")]);
  expect(code).toBe(5);
  expect(stderr).toMatch(/cannot write .*run\.yaml: the disk is full; free some space/);
  expect(readdirSync(disk)).toEqual(["filler"]);
});

test("a folder that is not there is no bug", async () => {
  const missing = await deepobf(["init", "--out", `${file("missing")}/dir/x.yaml`]);
  expect(missing).toMatchObject({
    code: 5,
    stderr: expect.stringContaining("the folder above it does not exist"),
  });
});

test("a run's configuration serves other commands, and the command line wins over it", async () => {
  const path = file("config.json");
  const options = { model: "m", data: "idx:d", epochs: 3, flip: true, unknown: 1 };
  writeFileSync(path, JSON.stringify({ job: "obfuscate", options }));
  const table = { ...obfuscateOptions, ...commonOptions };
  const read = (given: object) =>
    readOptions(table, { given: { config: path, ...given }, command: "obfuscate" });
  expect(await read({})).toMatchObject({ data: "idx:d", epochs: 3, flip: true });
  const timed = await read({ minutes: "2", flip: false });
  expect(timed).toMatchObject({ minutes: 2, flip: false });
  expect(timed).not.toHaveProperty("epochs");
  // The switch as it is written.
  const help = await deepobf(["obfuscate", "none.onnx", "--no-flip", "--config", path]);
  expect(help.stderr).toContain("none.onnx");
});

test("what a run decided by other options does not count where these are given otherwise", async () => {
  const path = file("decided.json");
  const options = {
    data: "idx:d",
    depth: 7,
    epochs: 16,
    batchSize: 256,
    learningRate: 0.01,
    crop: 2,
  };
  writeFileSync(path, JSON.stringify({ job: "obfuscate", options }));
  const read = (given: object) =>
    readOptions(table, { given: { config: path, ...given }, command: "obfuscate" });
  expect(await read({ epochs: "16", batchSize: "256" })).toMatchObject(options);
  for (const given of [
    { epochs: "64" },
    { minutes: "2" },
    { batchSize: "64" },
    { optimizer: "sgd" },
  ]) {
    expect(await read(given)).not.toHaveProperty("learningRate");
  }
  const { epochs, learningRate, ...kept } = options;
  const shorter = await read({ depth: "5" });
  expect(shorter).toMatchObject({ ...kept, depth: 5 });
  expect(shorter).not.toHaveProperty("epochs");
  expect(shorter).not.toHaveProperty("learningRate");
  expect(await read({ depth: "5", epochs: "16", learningRate: "0.01" })).toMatchObject({
    ...options,
    depth: 5,
  });
  expect(await read({ resizedCrop: "0.35" })).not.toHaveProperty("crop");
  const elsewhere = await read({ data: "images:elsewhere" });
  for (const key of ["epochs", "learningRate", "crop", "batchSize"])
    expect(elsewhere).not.toHaveProperty(key);
  const { stderr } = await deepobf(["obfuscate", "none.onnx", "--epochs", "64", "--config", path]);
  expect(stderr).toContain(
    `warning: --config: --learning-rate 0.01 of ${path} is left out: the run may have decided it by --epochs, which is ` +
      "given otherwise; give --learning-rate, too, to keep it\n",
  );
});

test("a run's configuration fits another machine, a list of classes, and the run's own model", async () => {
  const path = file("elsewhere.json");
  const classes = ["b", "a"];
  const options = { data: "images:d", threads: 1000, classes, output: "label" };
  writeFileSync(path, JSON.stringify({ job: "obfuscate", options }));
  const read = (argument: string, given: object = {}) =>
    readOptions(table, { given: { config: path, ...given }, command: "evaluate", argument });
  const ofOwn = await read(file("model.onnx"));
  expect(ofOwn).toMatchObject({ threads: availableParallelism(), classes });
  expect(ofOwn).not.toHaveProperty("output");
  expect(await read(file("model.onnx"), { output: "scores" })).toMatchObject({ output: "scores" });
  expect(await read("original.onnx")).toMatchObject({ output: "label" });
  const against = await read(file("model.onnx"), { against: "original.onnx" });
  expect(against).toMatchObject({ output: "label" });
  const attacked = await read(file("model.onnx"), { original: "original.onnx" });
  expect(attacked).toMatchObject({ output: "label" });
});

test("what changes nothing without another option is left out of a file, and refused where it is given", async () => {
  const path = file("partial.json");
  writeFileSync(path, JSON.stringify({ data: "idx:d", resize: "squash", restarts: 2 }));
  const table = {
    against: text({ flags: "--against <X>", help: "", expected: "x" }),
    ...onlyWith("against", { data: text({ flags: "--data <X>", help: "", expected: "x" }) }),
    ...onlyWith("data", readingOptions),
    ...workerOptions,
    ...commonOptions,
  };
  const read = (given: Readonly<Record<string, unknown>>) =>
    readOptions(table, { given, command: "inspect" });
  const without = await read({ config: path });
  for (const key of ["data", "resize", "restarts"]) expect(without).not.toHaveProperty(key);
  expect(await read({ config: path, against: "m", workers: "2" })).toMatchObject({
    data: "idx:d",
    resize: "squash",
    restarts: 2,
  });
  await expect(read({ data: "idx:d", resize: "squash" })).rejects.toThrow(
    /^--data: only with --against\n/,
  );
  await expect(read({ resize: "squash", restarts: "2" })).rejects.toThrow(
    /--resize: only with --data\n +--restarts: only with --workers/,
  );
});

test("a name in a file that is a number without quotes is told so", async () => {
  const read = (text: string) => {
    const path = file("names.yaml");
    writeFileSync(path, text);
    return readOptions(table, { given: { config: path }, command: "obfuscate" });
  };
  await expect(read("data: d\nboundary: 191\nminutes: -1\nflip: 3")).rejects.toThrow(
    /received "3"\n.*received "-1"\n.*"boundary" in .*received "191", which needs quotes there\n/,
  );
  expect(await read('data: d\nboundary: "191"')).toMatchObject({ boundary: "191" });
});

test("a configuration may be UTF-16, as PowerShell writes it", async () => {
  const path = file("utf16.yaml", Buffer.from("\ufeffepochs: 3\r\n", "utf16le"));
  expect(await readConfiguration(path, { table, given: {}, complaints: [] })).toEqual({
    epochs: 3,
  });
});

test("a configuration may be YAML or JSON", async () => {
  const complaints: string[] = [];
  const read = (text: string) => {
    const path = file("options");
    writeFileSync(path, text);
    return readConfiguration(path, { table, given: {}, complaints });
  };
  const yaml = "epochs: 3 # few\nmean: [0.5, 0.25, 1e-1]\nstd: 0.5,0.25,0.1\nflip: true\n";
  expect(await read(yaml)).toEqual({
    epochs: 3,
    mean: [0.5, 0.25, 0.1],
    std: "0.5,0.25,0.1",
    flip: true,
  });
  expect(await read('{"max-macs": 8e7, "label-weight": 0}')).toEqual({
    maxMacs: 8e7,
    labelWeight: 0,
  });
  expect(complaints).toEqual([]);
  await expect(read("epochs: 3\nepochs: 4\n")).rejects.toThrow(
    /neither YAML nor JSON: Map keys must be unique/,
  );
  await expect(read("epochs: [3\n")).rejects.toThrow(/neither YAML nor JSON: .* line 2/);
  await expect(read("epochs: !!js/function 3\n")).rejects.toThrow(/Unresolved tag/);
  const doubling = Array.from({ length: 30 }, (_, i) => `x${i + 1}: &x${i + 1} [*x${i}, *x${i}]`);
  await expect(read(`x0: &x0 1\n${doubling.join("\n")}\n`)).rejects.toThrow(/alias/);
});
