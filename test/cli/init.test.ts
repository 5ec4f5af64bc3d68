// The options of a run in a file: written, filled in, read.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { readOptions } from "../../src/cli/command.ts";
import { obfuscateOptions } from "../../src/cli/commands/obfuscate.ts";
import { commonOptions } from "../../src/cli/commonOptions.ts";
import { readConfiguration } from "../../src/cli/configuration.ts";
import { readingOptions, workerOptions } from "../../src/cli/dataOptions.ts";
import { onlyWith, text } from "../../src/cli/options.ts";
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

test("a configuration may be YAML or JSON", async () => {
  const complaints: string[] = [];
  const read = (text: string) => {
    const path = file("options");
    writeFileSync(path, text);
    return readConfiguration(path, { table, complaints });
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
