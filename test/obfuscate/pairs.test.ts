// The same seed gives the same file, another seed another one. DEEPOBF_PAIRS sets how many seeds.
import { expect, test } from "vitest";
import { deepobf } from "../cli/deepobf.ts";
import { workshop } from "../workshop.ts";
import { writeData, writeTiny } from "./tiny.ts";

const path = workshop();
const model = writeTiny(path("model.onnx"));
const data = writeData(path("data"));
const pairs = Number(process.env.DEEPOBF_PAIRS ?? 1);

async function shipped(seed: number): Promise<string> {
  const out = path();
  const given = ["--data", data, "--depth", "3", "--epochs", "2", "--out", out];
  const small = ["--batch-size", "16", "--threads", "1", "--seed", String(seed), "--json"];
  const ended = await deepobf(["obfuscate", model, ...given, ...small, "--accept-original"]);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  return JSON.parse(ended.stdout).obfuscated.sha256;
}

test("pairs of runs of one seed ship one file", { timeout: 120_000 * pairs }, async () => {
  const files = new Set<string>();
  for (let seed = 0; seed < pairs; seed++) {
    const [one, other] = await Promise.all([shipped(seed), shipped(seed)]);
    expect(other).toBe(one);
    files.add(one);
  }
  files.add(await shipped(pairs));
  expect(files.size).toBe(pairs + 1);
});
