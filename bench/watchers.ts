// Images per second of a training that nobody watches, and that a hundred watch, one of whom reads nothing: epochs of
// one run in turn, with listeners on every second. The server is a process of its own, as `--watch` starts it.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type ClientRequest, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fashionMnist } from "../native/system.mjs";
import { median } from "../src/averages.ts";
import { root } from "../tools/records/records.ts";
import { readOptions } from "./options.ts";
import { report, round } from "./report.ts";

const watchers = 100;
const options = readOptions({ rounds: 10 });
const folder = mkdtempSync(join(tmpdir(), "deepobf-watchers-"));
const run = join(folder, "run");
const command = join(root, "bin", "deepobf.js");

const training = start(
  ...["train", "resnet8", "--data", `idx:${fashionMnist().found}`, "--epochs", "100000"],
  ...["--batch-size", "256", "--threads", String(options.threads), "--out", run],
);
const server = start("watch", folder, "--json");
try {
  const { url } = JSON.parse(await firstLine(server)) as { url: string };
  const rates: { readonly alone: number; readonly watched: number }[] = [];
  await nextEpoch(); // warm-up
  for (let turn = 0; turn < options.rounds; turn++) {
    const alone = await nextEpoch();
    const listeners = Array.from({ length: watchers }, (_, i) => listen(url, { reads: i > 0 }));
    await nextEpoch(); // that in which they came
    const watched = await nextEpoch();
    for (const listener of listeners) listener.destroy();
    await nextEpoch(); // that in which they went
    rates.push({ alone, watched });
  }
  const ratios = rates.map(({ alone, watched }) => watched / alone);
  report("watchers", options, {
    watchers,
    limit: { ratio: 0.98 },
    results: {
      imagesPerSecond: {
        alone: round(median(rates.map(({ alone }) => alone))),
        watched: round(median(rates.map(({ watched }) => watched))),
      },
      ratio: round(median(ratios)),
      ratios: ratios.map(round),
    },
  });
} finally {
  for (const child of [training, server]) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}

function start(...parameters: string[]): ChildProcess {
  return spawn(process.execPath, [command, ...parameters], { stdio: ["ignore", "pipe", "ignore"] });
}

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: stdout! })) return line;
  throw new Error("the server of the live view ended without a word");
}

/** Waits for the end of an epoch, and gives its images per second. */
async function nextEpoch(): Promise<number> {
  const done = written().length;
  for (;;) {
    const rate = written()[done];
    if (rate !== undefined) return rate;
    if (training.exitCode !== null) throw new Error("the training ended");
    await sleep(200);
  }
}

function written(): number[] {
  const path = join(run, "metrics.jsonl");
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
  return lines.map((line) => (JSON.parse(line) as { imagesPerSecond: number }).imagesPerSecond);
}

/** Follows the events of the run; a listener that does not read leaves them in the socket. */
function listen(url: string, { reads }: { reads: boolean }): ClientRequest {
  const { port, searchParams } = new URL(url);
  const cookie = `deepobf-${port}=${searchParams.get("token")}`;
  const path = "/runs/run/events";
  const asking = request({ host: "127.0.0.1", port, path, headers: { cookie } }, (response) => {
    response.on("error", () => undefined);
    if (reads) response.resume();
  });
  asking.on("error", () => undefined);
  asking.end();
  return asking;
}
