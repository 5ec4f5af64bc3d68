// The long jobs on small data: what they print, how they stop and go on, and how they fail.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { workshop } from "../workshop.ts";
import { deepobf } from "./deepobf.ts";
import { idxFiles, residualModel } from "./fixtures.ts";

const file = workshop();
const model = file("model.onnx", residualModel());
for (const [name, content] of Object.entries(idxFiles())) file(`idx/${name}`, content);
const data = `idx:${file("idx")}`;

function obfuscate(out: string, ...more: string[]): string[] {
  const needed = ["--data", data, "--depth", "3", "--epochs", "1", "--out", out];
  return ["obfuscate", model, ...needed, "--threads", "1", "--accept-original", ...more];
}

const figures = {
  accuracy: expect.any(Number),
  parameters: expect.any(Number),
  macs: expect.any(Number),
  convolutions: expect.any(Number),
  bytes: expect.any(Number),
  latencyMs: { batch1: expect.any(Number), batch64: expect.any(Number) },
  sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
};

describe.concurrent("obfuscate", () => {
  test("prints what the contract names, and the shipped file is a chain", async ({ expect }) => {
    const ended = await deepobf(obfuscate(file("json"), "--json"));
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    const summary = JSON.parse(ended.stdout);
    expect(summary).toMatchObject({
      original: { ...figures, convolutions: 4 },
      obfuscated: { ...figures, convolutions: 3 },
      verify: { maxAbsDiff: expect.any(Number), agreement: expect.any(Number) },
      depth: 3,
      seconds: expect.any(Number),
      peakMemoryBytes: expect.any(Number),
      files: { model: join(file("json"), "model.onnx") },
    });
    // More than Node alone takes, and far less than 64 GiB: bytes, not the kernel's KiB.
    expect(summary.peakMemoryBytes).toBeGreaterThan(50e6);
    expect(summary.peakMemoryBytes).toBeLessThan(4e9);
    const shipped = await deepobf(["inspect", summary.files.model, "--json"]);
    expect(JSON.parse(shipped.stdout)).toMatchObject({ convolutions: 3, sequential: true });
  });

  test("writes the shipped file in int8 and fp16, with figures beside it", async ({ expect }) => {
    const out = file("quantized");
    const ended = await deepobf(obfuscate(out, "--quantize", "int8,fp16"));
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    expect(ended.stdout).toMatch(/original +obfuscated +int8 +fp16\n/);
    const { quantized } = JSON.parse(readFileSync(join(out, "summary.json"), "utf8"));
    for (const name of ["int8", "fp16"]) {
      const model = join(out, `model.${name}.onnx`);
      expect(quantized[name].model).toBe(model);
      expect(existsSync(model)).toBe(true);
      expect(ended.stdout).toContain(model);
    }
  });

  test("prints the command that makes the same file again", async ({ expect }) => {
    const [first, second] = [file("once"), file("again")];
    const ended = await deepobf(obfuscate(first, "--json", "--seed", "5", "--mean", "0.25"));
    const { command, obfuscated } = JSON.parse(ended.stdout);
    expect(command).toMatch(/^deepobf obfuscate .*--depth 3 .*--mean 0\.25 .*--seed 5 /);
    const words = command.replaceAll(first, second).split(" ").slice(1);
    const again = JSON.parse((await deepobf([...words, "--json"])).stdout);
    expect(again.obfuscated.sha256).toBe(obfuscated.sha256);
    expect(again.command).toBe(command.replaceAll(first, second));
  });

  test("leaves a configuration with which its file is measured again, and inspected", async ({
    expect,
  }) => {
    const out = file("measured");
    const ended = await deepobf(obfuscate(out, "--json", "--mean", "0.25", "--std", "0.4"));
    const { obfuscated } = JSON.parse(ended.stdout);
    const config = [join(out, "model.onnx"), "--config", join(out, "config.json"), "--json"];
    const evaluated = await deepobf(["evaluate", ...config]);
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ accuracy: obfuscated.accuracy });
    const inspected = await deepobf(["inspect", ...config]);
    expect(inspected, inspected.stderr).toMatchObject({ code: 0 });
  });

  test("ends with the table of both models; progress goes to stderr", async ({ expect }) => {
    const { code, stdout, stderr } = await deepobf(obfuscate(file("table")));
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^ +original +obfuscated$/m);
    expect(stdout).toMatch(/^convolutions +4 +3$/m);
    expect(stdout).toMatch(/^latency, batch 64 +[\d.]+ ms +[\d.]+ ms$/m);
    expect(stdout.trimEnd()).toMatch(/shipped file: .*table\/model\.onnx$/);
    expect(stderr).toMatch(/^ *3 +3×3 .* 16×8×8 +[\d.]+ M$/m);
    expect(stderr).toMatch(/^in all [\d.]+ M MACs, \d+ % of the [\d.]+ M of the original's/m);
    expect(stderr).toMatch(/epoch 1\/1, loss [\d.]+/);
    expect(stderr).not.toContain("\u001b");
  });

  test("that misses a gate ends with 7, the table on stderr and a complete run", async ({
    expect,
  }) => {
    const out = file("gate");
    const { code, stdout, stderr } = await deepobf(obfuscate(out, "--min-accuracy", "1"));
    expect({ code, stdout }).toEqual({ code: 7, stdout: "" });
    expect(stderr).toMatch(/^convolutions +4 +3$/m);
    expect(stderr).toMatch(/^ *--min-accuracy: [\d.]+ % is below 100\.00 %$/m);
    expect(readdirSync(out)).toEqual(expect.arrayContaining(["model.onnx", "summary.json"]));

    const again = await deepobf(["resume", out, "--json"]);
    expect(again.code).toBe(7);
    expect(JSON.parse(again.stdout)).toMatchObject({
      command: expect.stringContaining("--min-accuracy 1"),
      obfuscated: { convolutions: 3 },
    });
    expect(again.stderr).toMatch(/^error: the run is complete .*, but missed:$/m);
    expect(again.stderr).not.toMatch(/^convolutions/m);
  });

  test("that diverges ends with 6 and names the losses", async ({ expect }) => {
    const out = file("nan");
    const { code, stdout, stderr } = await deepobf(obfuscate(out, "--std", "1e-30"));
    expect({ code, stdout }, stderr).toEqual({ code: 6, stdout: "" });
    expect(stderr).toMatch(/^error: training diverged .* = (NaN|Infinity)/m);
    expect(stderr).toContain("--mean and --std");
    expect(existsSync(join(out, "model.onnx"))).toBe(false);
  });
});

describe.concurrent("a signal", () => {
  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 143],
  ] as const)("%s ends a run after a checkpoint, and resume goes on", async (signal, exitCode) => {
    const out = file(signal);
    const args = obfuscate(out, "--epochs", "2000");
    const stopped = await deepobf(args, { interrupt: { signal, when: /images\/s/ } });
    expect(stopped, stopped.stderr).toMatchObject({ code: exitCode, signal: null, stdout: "" });
    expect(stopped.stderr).toContain(`node bin/deepobf.js resume ${out}`);
    expect(readdirSync(join(out, "checkpoints"))).not.toEqual([]);

    const resuming = { interrupt: { signal: "SIGINT", when: /images\/s/ } } as const;
    const again = await deepobf(["resume", out], resuming);
    expect(again, again.stderr).toMatchObject({ code: 130, stdout: "" });
    const lines = readFileSync(join(out, "metrics.jsonl"), "utf8").trim().split("\n");
    const [first, ...records] = lines.map((line) => JSON.parse(line));
    expect(Object.keys(first)).toEqual(["calibration"]);
    const epochs = records.map(({ epoch }) => epoch);
    expect(epochs).toEqual(epochs.map((_, index) => index + 1));
  });
});

describe.concurrent("train", () => {
  const train = (out: string, ...more: string[]) => {
    const needed = ["--data", data, "--epochs", "2", "--out", out, "--threads", "1"];
    return ["train", "resnet8", ...needed, ...more];
  };

  test("writes a model that evaluate reads; resume repeats the summary", async ({ expect }) => {
    const out = file("trained");
    const ended = await deepobf(train(out, "--json"));
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    const summary = JSON.parse(ended.stdout);
    expect(summary).toMatchObject({ accuracy: expect.any(Number), parameters: expect.any(Number) });
    const evaluated = await deepobf(["evaluate", summary.files.model, "--data", data, "--json"]);
    expect(JSON.parse(evaluated.stdout).accuracy).toBe(summary.accuracy);
    const resumed = await deepobf(["resume", out, "--json"]);
    expect(JSON.parse(resumed.stdout)).toEqual(summary);
  });

  test("that diverges ends with 6", async ({ expect }) => {
    const ended = await deepobf(train(file("diverged"), "--learning-rate", "1e30"));
    expect(ended, ended.stderr).toMatchObject({ code: 6, stdout: "" });
    expect(ended.stderr).toMatch(/^error: training diverged .* = (NaN|Infinity)/m);
  });
});
