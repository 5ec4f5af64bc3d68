// The package as a library: the same jobs, and nothing heavy loaded before one starts.
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import * as library from "../../src/index.ts";
import { workshop } from "../workshop.ts";
import { root } from "./deepobf.ts";
import { idxFiles, residualModel } from "./fixtures.ts";

const file = workshop();
const model = file("model.onnx", residualModel());
for (const [name, content] of Object.entries(idxFiles())) file(`idx/${name}`, content);
const data = `idx:${file("idx")}`;

test("the front door is a short list of names", () => {
  expect(Object.keys(library).sort()).toEqual([
    ...["DataError", "DeepObfError", "DivergedError", "GateError", "InterruptedError"],
    ...["ModelError", "ResourceError", "UsageError"],
    ...["attack", "check", "evaluate", "inspect", "obfuscate", "resume", "train"],
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

  test("refuse with the command line's errors", async () => {
    await expect(library.inspect({ model: file("none.onnx") })).rejects.toThrow(library.ModelError);
    const nowhere = `idx:${file("nowhere")}`;
    await expect(library.evaluate({ model, data: nowhere })).rejects.toThrow(library.DataError);
  });
});
