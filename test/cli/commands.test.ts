// What the commands print when all is well: help, versions, and the JSON that the contract names.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { workshop } from "../workshop.ts";
import { deepobf, root } from "./deepobf.ts";
import { idxFiles, mapModel, oneNodeModel, png, residualModel } from "./fixtures.ts";

const file = workshop();
const model = file("model.onnx", residualModel());
for (const [name, content] of Object.entries(idxFiles())) file(`idx/${name}`, content);
const data = `idx:${file("idx")}`;
const commands = [
  ...["inspect", "check", "init", "train", "obfuscate", "attack", "resume", "evaluate", "report"],
  ...["setup", "demo", "doctor", "completion"],
];

/** Prints of a command that must succeed. */
async function succeeds(...args: string[]) {
  const ended = await deepobf(args);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  return ended;
}

async function json(...args: string[]): Promise<Record<string, unknown>> {
  return JSON.parse((await succeeds(...args, "--json")).stdout);
}

/** Paths of the libraries that a command and the Node processes that it starts have loaded in the end. */
function sharedObjects(command: string): string {
  const path = file(`libraries-of-${command}`, "");
  const report = `JSON.stringify(process.report.getReport().sharedObjects)`;
  const append = `appendFileSync(${JSON.stringify(path)}, ${report})`;
  const hook = `import { appendFileSync } from "node:fs"; process.on("exit", () => ${append});`;
  const options = `--import=data:text/javascript,${encodeURIComponent(hook)}`;
  spawnSync(process.execPath, [join(root, "bin", "deepobf.js"), command], {
    env: { ...process.env, NODE_OPTIONS: options },
  });
  return readFileSync(path, "utf8");
}

describe("help", () => {
  test("names every command and every exit code, on stdout", async () => {
    const { stdout, stderr } = await succeeds("--help");
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
    for (const code of ["0", "1", "2", "3", "4", "5", "6", "7", "130 or 143"]) {
      expect(stdout).toMatch(new RegExp(`^  ${code} `, "m"));
    }
    expect(stderr).toBe("");
  });

  test.each(commands)("of %s has an example and exit codes", async (command) => {
    const { stdout } = await succeeds(command, "--help");
    expect(stdout).toMatch(new RegExp(`^  deepobf ${command}`, "m"));
    expect(stdout).toContain("Exit codes:");
    if (command !== "setup" && command !== "demo") expect(stdout).toContain("--json");
  });

  test("of help is that of all", async () => {
    const [all, twice] = [await succeeds("help"), await succeeds("help", "help")];
    expect(twice).toEqual(all);
    expect(all.stdout).toContain("Usage: deepobf");
  });

  test("names signals where they are a failure", async () => {
    expect((await succeeds("train", "--help")).stdout).toContain("130 or 143");
    expect((await succeeds("watch", "--help")).stdout).not.toContain("130");
  });

  test("and version load neither libtorch nor ONNX Runtime", async () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    expect((await succeeds("--version")).stdout).toBe(`${version}\n`);
    for (const libraries of [sharedObjects("--help"), sharedObjects("--version")]) {
      expect(libraries).toMatch(/libc\.so/);
      expect(libraries).not.toMatch(/libtorch|onnxruntime/);
    }
    const all = sharedObjects("doctor");
    expect(all).toMatch(/libtorch/);
    expect(all).toMatch(/onnxruntime/);
  });
});

describe("inspect", () => {
  test("prints what the contract names", async () => {
    expect(await json("inspect", model)).toEqual({
      parameters: 2524,
      macs: expect.any(Number),
      nodes: 16,
      operators: expect.objectContaining({ Conv: 4, BatchNormalization: 4, Relu: 4, Add: 1 }),
      convolutions: 4,
      sequential: false,
      input: { name: "image", shape: ["N", 1, 16, 16] },
      boundary: { tensor: "last.norm.relu", shape: [1, 16, 8, 8] },
      cutPoints: expect.arrayContaining(["stem.norm.relu"]),
      warnings: [],
    });
  });

  test("gives null and the reason for a model without a boundary", async () => {
    const { stdout, stderr } = await succeeds("inspect", file("map.onnx", mapModel()), "--json");
    const inspection = JSON.parse(stdout);
    expect(inspection).toMatchObject({ boundary: null, sequential: true });
    expect(stderr).toMatch(/^warning: expected a classifier, .*\n$/);
    expect(stderr).toBe(`warning: ${inspection.warnings}\n`);
  });

  test("takes sizes that the file leaves open", async () => {
    const open = file("open.onnx", residualModel({ shape: ["N", 3, "H", "W"] }));
    const { stdout, stderr } = await succeeds("inspect", open, "--json");
    expect(JSON.parse(stdout)).toMatchObject({ macs: null, boundary: null, convolutions: 4 });
    expect(stderr).toContain("--input-shape");
    const given = await json("inspect", open, "--input-shape", "1,3,32,32");
    expect(given).toMatchObject({ boundary: { shape: [1, 16, 16, 16] } });
  });

  test("warns of operators that DeepObf cannot run", async () => {
    const path = file("odd.onnx", oneNodeModel("NonMaxSuppression"));
    const { stderr } = await succeeds("inspect", path);
    expect(stderr).toContain("unsupported operators: NonMaxSuppression");
  });

  test("prints text for people", async () => {
    const { stdout, stderr } = await succeeds("inspect", model);
    expect(stdout).toMatch(/^convolutions +4$/m);
    expect(stdout).toMatch(/^boundary +last\.norm\.relu \[1, 16, 8, 8\]$/m);
    expect(stderr).toBe("");
  });
});

describe("check", () => {
  test("compares both runtimes", async () => {
    const result = await json("check", model, "--seed", "3", "--threads", "1");
    expect(Object.keys(result)).toEqual(["maxAbsDiff", "maxRelDiff", "isStandIn", "outputs"]);
    expect(result.outputs).toMatchObject([{ name: "logits", shape: [1, 4] }]);
    expect(result.maxRelDiff).toBeLessThan(1e-5);
    expect(result.maxAbsDiff).toBeGreaterThanOrEqual(0);
  });

  test("takes sizes that the file leaves open", async () => {
    const open = file("open.onnx", residualModel({ shape: ["N", 3, "H", "W"] }));
    const { outputs } = await json("check", open, "--input-shape", "2,3,24,20");
    expect(outputs).toMatchObject([{ shape: [2, 4] }]);
  });
});

describe("evaluate", () => {
  test.each(["ort", "torch"])("measures on %s", async (runtime) => {
    const result = await json("evaluate", model, "--data", data, "--runtime", runtime);
    expect(result).toEqual({
      output: "logits",
      samples: 32,
      accuracy: expect.any(Number),
      accuracyInterval: [expect.any(Number), expect.any(Number)],
      imagesPerSecond: expect.any(Number),
      latencyMs: { batch1: expect.any(Number), batch64: expect.any(Number) },
      warnings: [
        expect.stringContaining("right on 25.00 % of 32 images to judge by, as often as"),
        "few images to judge by (32) say little: the accuracy lies within 13.3 to 42.1 %",
      ],
    });
    expect(result.accuracy).toBe(0.25);
    const { stdout } = await succeeds("evaluate", model, "--data", data, "--runtime", runtime);
    expect(stdout).toContain("warning: ");
  });

  test("says that another device than the processor is libtorch's alone", async () => {
    const { stderr } = await succeeds("evaluate", model, "--data", data, "--device", "cuda");
    expect(stderr).toContain("Note: ONNX Runtime computes on the processor: --device counts with");
    const plain = await succeeds("evaluate", model, "--data", data);
    expect(plain.stderr).not.toContain("--device");
  });

  test("resizes images of folders to the model's input", async () => {
    const image = await png(24);
    for (const part of ["train", "test"]) {
      for (const name of ["cat", "dog"]) file(`images/${part}/${name}/1.png`, image);
    }
    const colour = file("colour.onnx", residualModel({ shape: ["N", 3, 16, 16], classes: 2 }));
    const folder = `images:${file("images")}`;
    const result = await json(
      "evaluate",
      colour,
      "--data",
      folder,
      "--mean",
      "0.5",
      "--std",
      "0.25",
    );
    expect(result).toMatchObject({ samples: 2, accuracy: 0.5 });
  });
});

describe("options", () => {
  test("come from a configuration file, and the command line wins", async () => {
    const options = { data, runtime: "tvm", mean: [0.5], threads: 1, json: true };
    const config = file("config.json", JSON.stringify(options));
    const { stdout } = await succeeds("evaluate", model, "--config", config, "--runtime", "ort");
    expect(JSON.parse(stdout)).toMatchObject({ samples: 32 });
  });

  test("that every command takes may be given where they change nothing", async () => {
    const common = ["--device", "cpu", "--precision", "f32", "--seed", "1", "--mean", "0"];
    await succeeds("inspect", model, ...common, "--std", "1", "--threads", "2");
  });
});

describe("output", () => {
  test("to a reader that stops early ends quietly", () => {
    const script = join(root, "bin", "deepobf.js");
    const pipeline = `"${process.execPath}" "${script}" inspect "${model}" | true; echo \${PIPESTATUS[0]}`;
    const { stdout, stderr } = spawnSync("bash", ["-c", pipeline], { encoding: "utf8" });
    expect({ stdout, stderr }).toEqual({ stdout: "0\n", stderr: "" });
  });

  test("to a full disk is told", async () => {
    const ended = await deepobf(["inspect", model], { redirect: "> /dev/full" });
    expect(ended).toMatchObject({ code: 5, stdout: "" });
    expect(ended.stderr).toMatch(
      /^error: cannot write standard output: the disk is full; free some space \(ENOSPC\)$/m,
    );
  });
});

test("a command that waits for what never comes is no success", async () => {
  const preload = file(
    "never.mjs",
    Buffer.from(`
      import fs from "node:fs";
      import { syncBuiltinESMExports } from "node:module";
      for (const name of ["open", "readFile", "stat", "lstat", "readdir", "realpath"]) {
        const usual = fs.promises[name];
        fs.promises[name] = (path, ...rest) =>
          String(path).includes("no-such-run") ? new Promise(() => {}) : usual(path, ...rest);
      }
      syncBuiltinESMExports();`),
  );
  const environment = { NODE_OPTIONS: `--import=${preload}` };
  const ended = await deepobf(["resume", "no-such-run"], { environment });
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  expect(ended.stderr).toContain("nothing is left that could end the command");
});
