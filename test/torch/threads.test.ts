// libtorch in a process of several threads: its handles are one thread's.
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { built } from "../setup/built.ts";

test("one thread of a process has libtorch at a time, and another may once it has ended", () => {
  const index = JSON.stringify(built("torch/index.js"));
  const thread = `import(${index}).then(({ zeros }) => zeros([2]).shape, (error) => error.message).then((told) => console.log(told))`;
  const script = `
import { once } from "node:events";
import { Worker } from "node:worker_threads";
const inThread = () => once(new Worker(${JSON.stringify(thread)}, { eval: true }), "exit");
await inThread();
await inThread();
await import(${index});
await inThread();`;
  const options = { encoding: "utf8" } as const;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", script],
    options,
  );
  expect(stdout.trim().split("\n"), stderr).toEqual([
    "[ 2 ]",
    "[ 2 ]",
    expect.stringMatching(/^libtorch is in use by another thread of this process/),
  ]);
});
