// Functions in a process of their own: whatever becomes of it, the call ends and nothing is left behind.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DataError, DeepObfError, InterruptedError, ModelError } from "../../src/errors.ts";
import { runIsolated } from "../../src/isolate/run.ts";
import { isAlive } from "../processes.ts";
import { built } from "../setup/built.ts";

const folder = mkdtempSync(join(tmpdir(), "deepobf-isolate-"));
afterAll(() => rmSync(folder, { recursive: true }));
const module = pathToFileURL(join(folder, "functions.mjs")).href;

beforeAll(() => {
  writeFileSync(
    join(folder, "functions.mjs"),
    `import { DataError } from ${JSON.stringify(built("errors.js"))};
    export async function double({ value }, { announce, report }) {
      announce("doubling", 30);
      report("half way");
      return { value: 2 * value };
    }
    export async function refuse() { throw new DataError("no images"); }
    export async function stumble() { undefined.length; }
    export async function full() { throw Object.assign(new Error("full"), { code: "ENOSPC", path: "/x" }); }
    export async function crash() { console.error("last words"); process.kill(process.pid, "SIGSEGV"); await new Promise(() => {}); }
    export async function leave() { process.exit(7); }
    export async function spin(_, { announce, report }) {
      announce("spinning over", 1);
      report(process.pid);
      await new Promise((resolve) => setTimeout(resolve, 100));
      for (;;);
    }
    export async function compute(_, { announce, report }) {
      announce("computing with", 2);
      report(process.pid);
      await new Promise((resolve) => setTimeout(resolve, 100));
      const computed = () => process.cpuUsage().user + process.cpuUsage().system;
      for (const end = computed() + 5e5; computed() < end; );
      return "done";
    }
    export async function idle(_, { announce }) {
      announce("idling over", 0.2);
      await new Promise(() => setInterval(() => {}, 1000));
    }
    export async function grow() { for (const kept = []; ; ) kept.push(new Uint8Array(2 ** 28)); }`,
  );
});

const run = (name: string, more: Partial<Parameters<typeof runIsolated>[1]> = {}) =>
  runIsolated<object, unknown>(
    { module, name },
    { options: {}, model: "/somewhere/net\n.onnx", ...more },
  );

describe("a function in a process of its own", () => {
  test("gets options, tells of events and gives its result", async () => {
    const events: unknown[] = [];
    const result = await run("double", {
      options: { value: 21 },
      onEvent: (event) => events.push(event),
    });
    expect([result, events]).toEqual([{ value: 42 }, ["half way"]]);
  });

  test("throws its failures with their exit codes, and bugs with their stacks", async () => {
    await expect(run("refuse")).rejects.toMatchObject({ message: "no images", exitCode: 4 });
    await expect(run("refuse")).rejects.toBeInstanceOf(DataError);
    await expect(run("full")).rejects.toMatchObject({ code: "ENOSPC", path: "/x" });
    const bug = await run("stumble").catch((error: Error) => error);
    expect(bug).not.toBeInstanceOf(DeepObfError);
    expect((bug as Error).stack).toContain("functions.mjs");
  });

  test("may crash or leave: the model is to blame", async () => {
    const crash = run("crash");
    await expect(crash).rejects.toBeInstanceOf(ModelError);
    await expect(crash).rejects.toThrow(
      "starting to look at net\\u{a}.onnx was ended by SIGSEGV\nIts last words: last words",
    );
    await expect(run("leave")).rejects.toThrow("ended with code 7");
  });

  test("may ask for all memory: the process ends, not the machine", async () => {
    await expect(run("grow")).rejects.toThrow(/allocation failed|ended (by|with)/);
  });

  test("has a deadline", async () => {
    const pids: unknown[] = [];
    const spinning = run("spin", { onEvent: (pid) => pids.push(pid) });
    await expect(spinning).rejects.toThrow(
      "spinning over net\\u{a}.onnx did not end within 1 s of processor time",
    );
    await expect.poll(() => isAlive(Number(pids[0])), { timeout: 5000 }).toBe(false);
  });

  test("is not ended because others have the processor", async () => {
    const held = (pid: number) => {
      process.kill(pid, "SIGSTOP");
      setTimeout(() => process.kill(pid, "SIGCONT"), 4000);
    };
    expect(await run("compute", { onEvent: (pid) => held(Number(pid)) })).toBe("done");
  });

  test("has a deadline where it computes nothing", async () => {
    await expect(run("idle")).rejects.toThrow(
      "idling over net\\u{a}.onnx did not end within 0.2 s",
    );
  });

  test("ends when it is told to", async () => {
    const controller = new AbortController();
    const spinning = run("spin", {
      signal: controller.signal,
      onEvent: () => controller.abort("SIGINT"),
    });
    await expect(spinning).rejects.toBeInstanceOf(InterruptedError);
    await expect(spinning).rejects.toMatchObject({ exitCode: 130 });
  });
});

describe.skipIf(process.platform !== "linux")("a process that computes", () => {
  async function start() {
    const script = `
      const { runIsolated } = await import(${JSON.stringify(built("isolate/run.js"))});
      const event = (pid) => console.log(pid);
      runIsolated({ module: ${JSON.stringify(module)}, name: "spin" }, { options: {}, model: "m", onEvent: event })
        .catch(() => setInterval(() => {}, 1000));`;
    const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const pid = await new Promise<number>((resolve) =>
      parent.stdout.once("data", (text) => resolve(Number(text))),
    );
    expect(isAlive(pid)).toBe(true);
    return { parent, pid };
  }

  test.each(["SIGKILL", "SIGTERM", "SIGINT"] as const)(
    "dies with its parent, by %s",
    async (signal) => {
      const { parent, pid } = await start();
      parent.kill(signal);
      await expect.poll(() => isAlive(pid), { timeout: 5000 }).toBe(false);
    },
  );

  test("dies at its deadline where its parent cannot end it", async () => {
    const { parent, pid } = await start();
    parent.kill("SIGSTOP");
    try {
      await expect.poll(() => isAlive(pid)).toBe(false);
    } finally {
      parent.kill("SIGKILL");
    }
  });
});

test("a process that cannot be started for lack of file handles is told of as that", async () => {
  const script = join(folder, "crowded.mjs");
  writeFileSync(
    script,
    `import { openSync } from "node:fs";
    import { startLimited } from ${JSON.stringify(built("isolate/start.js"))};
    try { for (;;) openSync("/dev/null"); } catch {}
    try { startLimited("none.mjs"); } catch (error) { console.log(error.name, error.message); }`,
  );
  const limited = ["-c", 'ulimit -n 100; exec "$@"', "sh", process.execPath, script];
  const child = spawn("/bin/sh", limited, { stdio: ["ignore", "pipe", "inherit"] });
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  expect(said).toBe("ResourceError cannot start a process: too many files are open in this one\n");
  expect(code).toBe(0);
});
