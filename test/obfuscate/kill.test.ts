// The real command, killed at random moments of its life and resumed until it is done: the file that
// it ships must be the one of a run that nothing disturbed. DEEPOBF_KILLS sets how often; the more, the more
// ways of training are tried.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { uniform } from "../../src/graph/random.ts";
import { deepobf, root } from "../cli/deepobf.ts";
import { metricsIn } from "../metrics.ts";
import { childrenOf } from "../processes.ts";
import { sha256, workshop } from "../workshop.ts";
import { writeData, writeTiny } from "./tiny.ts";

const path = workshop();
const model = writeTiny(path("model.onnx"));
const data = writeData(path("data"));
const kills = Number(process.env.DEEPOBF_KILLS ?? 40);
const killsOfOneWay = 40;

/** Ways of training, each of which keeps other things in its checkpoints. */
const ways: readonly (readonly string[])[] = [
  ["--simulation", "recursive"],
  ["--simulation", "direct", "--average-weights", "0.5"],
  ["--simulation", "recursive", "--tune-classifier", "0.3", "--average-weights", "0.3"],
  ["--simulation", "direct", "--optimizer", "sgd", "--mixup", "0.2", "--precision", "f32"],
  ["--simulation", "direct", "--tune-classifier", "0.5", "--quantize", "int8"],
];
const ofWay = (run: number) => ways[(run % Math.ceil(kills / killsOfOneWay)) % ways.length]!;

/** Arguments of a run that saves after every step. */
function obfuscate(out: string, ...more: string[]): string[] {
  const needed = ["--data", data, "--depth", "4", "--epochs", "10", "--out", out];
  const small = ["--batch-size", "16", "--threads", "1", "--accept-original"];
  return ["obfuscate", model, ...needed, ...small, "--checkpoint-seconds", "0", ...more];
}

/** Holds every write for a moment before it is done, so that a kill can fall into one on a busy machine, too. */
const slowWrites = `
  import promises from "node:fs/promises";
  import { syncBuiltinESMExports } from "node:module";
  import { setTimeout as sleep } from "node:timers/promises";
  const { rename } = promises;
  promises.rename = async (...paths) => {
    await sleep(25);
    return rename(...paths);
  };
  syncBuiltinESMExports();
`;
const hook = ["--import", `data:text/javascript,${encodeURIComponent(slowWrites)}`];

/** What is in a folder; nothing where it is missing. */
function entries(...parts: string[]): string[] {
  const folder = join(...parts);
  return existsSync(folder) ? readdirSync(folder) : [];
}

const hasUnfinishedWrite = (out: string) =>
  entries(out, "checkpoints").some((name) => name.endsWith(".tmp"));

/** Moments to kill at, as shares of what they are counted in. */
const random = uniform({ seed: 1, name: "kills" }, 2 * kills);

/** Waits for a moment in a process's life. False where training is over before: such a run may end. */
async function moment(
  out: string,
  kill: number,
  { text, hasEnded }: { readonly text: () => string; readonly hasEnded: () => boolean },
): Promise<boolean> {
  const share = random[kill]!;
  // Loading, checking, creating the folder, reading the checkpoint.
  if (kill % 7 === 0) {
    await sleep(700 * share);
    return true;
  }
  const isAtItsEnd = () => text().includes("verifying") || hasEnded();
  // At last, sealing and verifying.
  if (kill >= kills - 8) {
    while (!isAtItsEnd()) await sleep(1);
    await sleep(1500 * share);
    return true;
  }
  // Inside a write of a checkpoint, some checkpoints later, or at any time after one.
  const newest = () =>
    entries(out, "checkpoints")
      .filter((name) => !name.includes("."))
      .map((name) => Number.parseInt(name, 10))
      .sort((one, other) => one - other)
      .at(-1);
  const first = newest();
  const later = Math.ceil(4 * random[kills + kill]!);
  const target = (first ?? 0) + later;
  while ((newest() ?? 0) < target && !isAtItsEnd()) await sleep(1);
  if (kill % 7 < 5) while (!hasUnfinishedWrite(out) && !isAtItsEnd()) await sleep(0);
  else await sleep(30 * share);
  return !isAtItsEnd();
}

/** The folders of runs that nothing disturbed, by how they were trained. */
const undisturbed = new Map<readonly string[], string>();

async function undisturbedRun(way: readonly string[]): Promise<string> {
  const known = undisturbed.get(way);
  if (known) return known;
  const out = path(`undisturbed${undisturbed.size}`);
  const ended = await deepobf(obfuscate(out, ...way));
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  undisturbed.set(way, out);
  return out;
}

const patience = 300_000 + kills * 30_000;

test("killed at random moments, it ships the same file", { timeout: patience }, async () => {
  const orphans: number[] = [];

  let [killed, insideWrites, runs] = [0, 0, 0];
  while (killed < kills) {
    const way = ofWay(runs);
    const out = path(`run${++runs}`);
    for (;;) {
      const args = existsSync(out) ? ["resume", out] : obfuscate(out, ...way);
      const child = spawn(process.execPath, [...hook, join(root, "bin", "deepobf.js"), ...args]);
      const closed = once(child, "close");
      let stderr = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
      });
      const isOver = closed.then(() => false);
      const life = { text: () => stderr, hasEnded: () => child.exitCode !== null };
      if (killed < kills && (await Promise.race([moment(out, killed, life), isOver]))) {
        orphans.push(...childrenOf(child.pid!));
        child.kill("SIGKILL");
      }
      const [code, signal] = await closed;
      if (signal === "SIGKILL") {
        killed++;
        if (hasUnfinishedWrite(out)) insideWrites++;
        continue;
      }
      expect({ code, signal }, stderr).toEqual({ code: 0, signal: null });
      break;
    }
    const other = await undisturbedRun(way);
    expect(sha256(join(out, "model.onnx"))).toBe(sha256(join(other, "model.onnx")));
    expect(metricsIn(join(out, "metrics.jsonl"))).toEqual(metricsIn(join(other, "metrics.jsonl")));
    expect(entries(out).sort()).toEqual(entries(other).sort());
    expect(entries(out)).not.toContain("checkpoints");
  }
  expect(insideWrites).toBeGreaterThanOrEqual(0.4 * kills);
  expect(orphans.length).toBeGreaterThan(0);
  await sleep(1000);
  expect(orphans.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
});

test("Ctrl-C in a terminal, which reaches every process, ends it while it verifies", async () => {
  const out = path("interrupted");
  const command = [join(root, "bin", "deepobf.js"), ...obfuscate(out, "--epochs", "1")];
  const child = spawn(process.execPath, command, { detached: true });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    if (!stderr.includes("verifying") && text.includes("verifying")) {
      setTimeout(() => process.kill(-child.pid!, "SIGINT"), 300);
    }
    stderr += text;
  });
  const [code] = await once(child, "close");
  // In the last part, where latencies are measured, the job comes to its end instead.
  expect([0, 130], stderr).toContain(code);
  expect(stderr).not.toMatch(/crashed/);
  if (code === 130) expect(stderr).toContain(`node bin/deepobf.js resume ${out}`);
});
