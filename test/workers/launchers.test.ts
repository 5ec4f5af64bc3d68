// Workers as launchers start them, and on hosts of their own: network namespaces, a link of 1 Gbit/s and 1 ms made by tc.
import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { writeData, writeTiny } from "../obfuscate/tiny.ts";
import { workshop } from "../workshop.ts";
import { metricsOf, modelOf, patience, program, start } from "./running.ts";

const path = workshop();
const model = writeTiny(path("model.onnx"));
const data = writeData(path("data"), { train: 64, test: 64 });

/** Arguments of a run of one step an epoch. */
function obfuscate(out: string, ...more: string[]): string[] {
  const needed = ["obfuscate", model, "--data", data, "--depth", "3", "--out", out];
  const small = ["--batch-size", "64", "--threads", "1", "--precision", "f32", "--accept-original"];
  return [...needed, ...small, "--checkpoint-seconds", "0", ...more];
}

const succeeds = (command: string, ...args: string[]) => spawnSync(command, args).status === 0;

const hasTorchrun = succeeds("torchrun", "--help");

test.runIf(hasTorchrun)("torchrun starts workers", { timeout: 180_000 }, async () => {
  // Debian's stumbles over its own defaults: a map that names no worker keeps it from them.
  const place = ["--no_python", "--standalone", "--nproc_per_node", "2", "-r", "9:1", "-t", "9:1"];
  const out = path("torchrun");
  const command = [process.execPath, program, ...obfuscate(out, "--epochs", "3")];
  const { code, stderr } = await start(command, {}, ["torchrun", ...place]).ended;
  expect(code, stderr).toBe(0);
  expect(metricsOf(out)).toHaveLength(3);
});

const names = [0, 1].map((host) => `deepobf${process.pid % 10_000}-${host}`);
const addresses = ["10.213.7.1", "10.213.7.2"];

/** Two hosts with a link between them; false where we may not make them. */
function makeHosts(): boolean {
  const ip = (...args: string[]) => succeeds("ip", ...args);
  const [first = "", second = ""] = names;
  if (!names.every((name) => ip("netns", "add", name))) return false;
  afterAll(() => names.map((name) => ip("netns", "del", name)));
  if (!ip("-n", first, "link", "add", "link", "type", "veth", "peer", "link", "netns", second)) {
    return false;
  }
  const shape = ["root", "netem", "delay", "1ms", "rate", "1gbit"];
  return names.every(
    (name, host) =>
      ip("-n", name, "link", "set", "lo", "up") &&
      ip("-n", name, "addr", "add", `${addresses[host]}/24`, "dev", "link") &&
      ip("-n", name, "link", "set", "link", "up") &&
      succeeds("tc", "-n", name, "qdisc", "add", "dev", "link", ...shape),
  );
}

describe.runIf(process.getuid?.() === 0 && makeHosts())("two hosts", { timeout: 400_000 }, () => {
  const runOn = (host: number, args: readonly string[]) =>
    start(
      args,
      {
        ...{
          WORLD_SIZE: "2",
          RANK: String(host),
          MASTER_ADDR: addresses[0]!,
          MASTER_PORT: "29500",
        },
      },
      ["ip", "netns", "exec", names[host]!, process.execPath, program],
    );

  test("train over the link; where it is cut both end and name the other, and resume goes on", async () => {
    const [whole, cut] = [path("whole"), path("cut")];
    const steps = ["--epochs", "40"];
    const both = [0, 1].map((host) => runOn(host, obfuscate(whole, ...steps)));
    for (const { code, stderr } of await Promise.all(both.map(({ ended }) => ended))) {
      expect(code, stderr).toBe(0);
    }
    const running = [0, 1].map((host) => runOn(host, obfuscate(cut, ...steps)));
    while (running[0]!.child.exitCode === null && (metricsOf(cut)?.length ?? 0) < 4) await sleep(5);
    expect(succeeds("ip", "-n", names[0]!, "link", "set", "link", "down")).toBe(true);
    const began = performance.now();
    const ended = await Promise.all(running.map((each) => each.ended));
    expect((performance.now() - began) / 1000).toBeLessThan(patience + 30);
    for (const [host, { code, stderr }] of ended.entries()) {
      expect(code, stderr).toBe(8);
      expect(stderr).toMatch(new RegExp(`^error: worker ${1 - host} of 2`, "m"));
    }
    expect(succeeds("ip", "-n", names[0]!, "link", "set", "link", "up")).toBe(true);
    const resumed = [0, 1].map((host) => runOn(host, ["resume", cut]));
    for (const { code, stderr } of await Promise.all(resumed.map((each) => each.ended))) {
      expect(code, stderr).toBe(0);
    }
    expect(modelOf(cut)).toBe(modelOf(whole));
  });
});
