// Workers as launchers start them, and on hosts of their own: network namespaces, a link of 1 Gbit/s and 1 ms where tc can
// make one.
import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { workshop } from "../workshop.ts";
import { metricsOf, modelOf, patience, program, start, tinyRuns } from "./running.ts";

const path = workshop();
const obfuscate = tinyRuns(path);

const succeeds = (command: string, ...args: string[]) => spawnSync(command, args).status === 0;

const hasTorchrun = succeeds("torchrun", "--help");

test.runIf(hasTorchrun)("torchrun starts workers", async () => {
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

/** How the link is made slow. */
const shape = ["root", "netem", "delay", "1ms", "rate", "1gbit"];

/** Whether we may make hosts. */
function canMakeHosts(): boolean {
  const [name = ""] = names;
  return ip("netns", "add", name) && ip("netns", "del", name);
}

function ip(...args: string[]): boolean {
  return succeeds("ip", ...args);
}

/** Two hosts with a link between them. */
function makeHosts(): void {
  const [first = "", second = ""] = names;
  const must = (done: boolean) => expect(done).toBe(true);
  for (const name of names) must(ip("netns", "add", name));
  must(ip("-n", first, "link", "add", "wire", "type", "veth", "peer", "wire", "netns", second));
  for (const [host, name] of names.entries()) {
    must(ip("-n", name, "link", "set", "lo", "up"));
    must(ip("-n", name, "addr", "add", `${addresses[host]}/24`, "dev", "wire"));
    must(ip("-n", name, "link", "set", "wire", "up"));
    // A kernel without netem has no delays: there the link is as fast as it is.
    succeeds("tc", "-n", name, "qdisc", "add", "dev", "wire", ...shape);
  }
}

describe.runIf(canMakeHosts())("two hosts", { timeout: 400_000 }, () => {
  beforeAll(makeHosts);
  afterAll(() => void names.map((name) => ip("netns", "del", name)));

  const runOn = (host: number, args: readonly string[], environment = {}) =>
    start(
      args,
      {
        ...environment,
        WORLD_SIZE: "2",
        RANK: String(host),
        MASTER_ADDR: addresses[0]!,
        MASTER_PORT: "29500",
      },
      ["ip", "netns", "exec", names[host]!, process.execPath, program],
    );

  /** What both ended with; a failure shows the words of both. */
  const codesOf = async (running: readonly ReturnType<typeof runOn>[]) => {
    const ended = await Promise.all(running.map((each) => each.ended));
    return { codes: ended.map(({ code }) => code), words: ended.map(({ stderr }) => stderr) };
  };
  const succeed = async (running: readonly ReturnType<typeof runOn>[]) => {
    const { codes, words } = await codesOf(running);
    expect(codes, words.join("\n--- host 1\n")).toEqual([0, 0]);
  };

  test("train over the link; where it is cut both end and name the other, and resume goes on", async () => {
    const [whole, cut] = [path("whole"), path("cut")];
    const steps = ["--epochs", "40"];
    await succeed([0, 1].map((host) => runOn(host, obfuscate(whole, ...steps))));
    const running = [0, 1].map((host) => runOn(host, obfuscate(cut, ...steps)));
    while (running[0]!.child.exitCode === null && (metricsOf(cut)?.length ?? 0) < 4) await sleep(5);
    expect(succeeds("ip", "-n", names[0]!, "link", "set", "wire", "down")).toBe(true);
    const began = performance.now();
    const { codes, words } = await codesOf(running);
    expect((performance.now() - began) / 1000).toBeLessThan(patience + 30);
    expect(codes, words.join("\n--- host 1\n")).toEqual([8, 8]);
    for (const [host, stderr] of words.entries()) {
      expect(stderr).toMatch(new RegExp(`^error: worker ${1 - host} of 2`, "m"));
    }
    expect(succeeds("ip", "-n", names[0]!, "link", "set", "wire", "up")).toBe(true);
    await succeed([0, 1].map((host) => runOn(host, ["resume", cut])));
    expect(modelOf(cut)).toBe(modelOf(whole));
  });

  test("that refuse each other's connections both end, and are told what to look at", async () => {
    // Each offers its sums at an address where the other one finds itself.
    const environment = { GLOO_SOCKET_IFNAME: "lo" };
    const args = obfuscate(path("refused"));
    const { codes, words } = await codesOf([0, 1].map((host) => runOn(host, args, environment)));
    expect(codes, words.join("\n--- host 1\n")).toEqual([8, 8]);
    for (const stderr of words) {
      expect(stderr).toMatch(
        /^error: worker \d of 2 .*refused.*GLOO_SOCKET_IFNAME is "lo".*firewall/m,
      );
    }
  });
});
