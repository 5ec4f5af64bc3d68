// `deepobf check` on a model that keeps libtorch busy for minutes: a signal ends it at once, with all its processes.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { root } from "../cli/deepobf.ts";
import { workshop } from "../workshop.ts";

const file = workshop();

/** 5e11 multiply-accumulates of one small convolution. */
function busyModel(): Graph {
  const build = new GraphBuilder();
  const image = build.input("image", [1, 64, 512, 512]);
  const first = build.conv(image, { name: "conv", outputs: 64, kernel: 3, padding: 1 });
  let x = first;
  for (let i = 1; i < 50; i++) {
    x = build.node("Conv", [x, "conv.weight"], {
      attributes: { pads: { type: "ints", value: [1, 1, 1, 1] } },
    });
  }
  build.output(build.globalAveragePool(x), "y");
  return build.build();
}

const model = file("busy.onnx", busyModel());

/** The parent of a process; undefined where it does not run any more. */
function parentOf(pid: number): number | undefined {
  try {
    const [, state, parent] = /^\d+ \(.*\) (\S) (\d+)/s.exec(
      readFileSync(`/proc/${pid}/stat`, "utf8"),
    )!;
    return state === "Z" ? undefined : Number(parent);
  } catch {
    return undefined;
  }
}

function descendantsOf(pid: number): number[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const children = all.filter((each) => parentOf(each) === pid);
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

test.skipIf(process.platform !== "linux").each(["SIGINT", "SIGTERM", "SIGKILL"] as const)(
  "%s ends a check that computes, and every process that it started",
  async (signal) => {
    const command = spawn(process.execPath, [join(root, "bin", "deepobf.js"), "check", model], {
      stdio: "ignore",
    });
    const ended = new Promise((resolve) => command.once("close", resolve));
    // The process that runs libtorch, and ONNX Runtime's.
    await expect.poll(() => descendantsOf(command.pid!).length).toBe(2);
    await sleep(1000);
    const started = descendantsOf(command.pid!);
    command.kill(signal);
    await ended;
    const alive = () => started.filter((pid) => parentOf(pid) !== undefined);
    await expect.poll(alive, { timeout: 5000 }).toEqual([]);
  },
);
