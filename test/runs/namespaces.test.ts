// The lock between processes, also of two containers, in which both may have the same number.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { RunFolder } from "../../src/runs/index.ts";
import { built } from "../setup/built.ts";
import { workshop } from "../workshop.ts";

const path = workshop();
const container = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
const [command = "", ...options] = container;
const hasContainers = spawnSync(command, [...options, "true"]).status === 0;

/** Locks a folder, says so, and works until its stdin ends. */
const script = (folder: string) => `
  const { RunFolder } = await import(${JSON.stringify(built("runs/index.js"))});
  const { run } = await RunFolder.open(${JSON.stringify(folder)}, "sort");
  const work = async () => {
    console.log("at work as " + process.pid);
    await new Promise((resolve) => process.stdin.once("end", resolve).resume());
  };
  await run.whileLocked(work).catch((error) => console.log("refused: " + error.message));`;

interface Started {
  readonly child: ChildProcess;
  /** The first line that it says. */
  readonly said: Promise<string>;
}

function start(folder: string, prefix: readonly string[]): Started {
  const node = [process.execPath, "--input-type=module", "-e", script(folder)];
  const [program = "", ...args] = [...prefix, ...node];
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return { child, said: once(child.stdout!, "data").then(([text]) => String(text).trim()) };
}

async function end({ child }: Started, signal?: "SIGKILL"): Promise<void> {
  const closed = once(child, "close");
  if (signal) child.kill(signal);
  else child.stdin!.end();
  await closed;
}

let folder = "";
beforeAll(async () => {
  const run = await RunFolder.create(path(), { job: "sort", options: { checkpointSeconds: 1 } });
  folder = run.directory;
});

describe.each([
  ["processes", [], true],
  ["containers", container, hasContainers],
] as const)("of %s", (_, prefix, isPossible) => {
  test.skipIf(!isPossible)("that begin at once, exactly one is at work", async () => {
    const both = [start(folder, prefix), start(folder, prefix)];
    const said = await Promise.all(both.map((each) => each.said));
    expect(said.filter((text) => text.startsWith("at work"))).toHaveLength(1);
    const [refusal] = said.filter((text) => text.startsWith("refused"));
    expect(refusal).toMatch(/process \d+ on .* is working on .*; wait for it or stop it/);
    if (prefix.length > 0) expect(said).toContain("at work as 1");
    await Promise.all(both.map((each) => end(each)));
  });

  test.skipIf(!isPossible)("a killed one stands in nobody's way", async () => {
    const first = start(folder, prefix);
    expect(await first.said).toMatch(/^at work/);
    await end(first, "SIGKILL");
    const second = start(folder, prefix);
    expect(await second.said).toMatch(/^at work/);
    await end(second);
  });
});
