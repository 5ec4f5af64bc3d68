// Workers that something else starts, one by one and alone, as Kubernetes does: what they find in the network and in each
// other's place.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import {
  askWorkers,
  connectWorkers,
  endSignsOfLife,
  leaveWorkers,
  libtorchVersion,
} from "../../src/torch/index.ts";
import { root } from "../cli/deepobf.ts";
import { workshop } from "../workshop.ts";
import {
  freePort,
  metricsOf,
  modelOf,
  type Running,
  silentServer,
  start,
  tinyRuns,
} from "./running.ts";

const path = workshop();
const obfuscate = tinyRuns(path);

/** Starts pods by their ranks in a job of two. */
function pods(port: number, more: Record<string, string> = {}, command?: readonly string[]) {
  const place = { WORLD_SIZE: "2", MASTER_ADDR: "127.0.0.1", MASTER_PORT: String(port), ...more };
  return (rank: number, args: readonly string[]): Running => {
    const pod = start(args, { ...place, RANK: String(rank) }, command);
    onTestFinished(() => void pod.child.kill("SIGKILL"));
    return pod;
  };
}

async function codesOf(running: readonly Running[]): Promise<(number | null)[]> {
  return (await Promise.all(running.map((each) => each.ended))).map(({ code }) => code);
}

test("a first worker that is lost while it verifies ends the others with 8, and all go on", async () => {
  const [calm, out] = [path("calm"), path("lost")];
  const steps = ["--epochs", "4", "--average-weights", "0.5"];
  const pod = pods(await freePort());
  const both = (args: readonly string[]) => [0, 1].map((rank) => pod(rank, args));
  expect(await codesOf(both(obfuscate(calm, ...steps)))).toEqual([0, 0]);

  const [first, second] = both(obfuscate(out, ...steps)) as [Running, Running];
  while (!existsSync(join(out, "model.onnx")) && first.child.exitCode === null) await sleep(2);
  first.child.kill("SIGKILL");
  const { code, stderr } = await second.ended;
  expect(existsSync(join(out, "summary.json"))).toBe(false);
  expect(code, stderr).toBe(8);
  expect(stderr).toContain("error: worker 0 of 2 is gone");
  expect(await codesOf(both(["resume", out]))).toEqual([0, 0]);
  expect(modelOf(out)).toBe(modelOf(calm));
});

/** Whether a process heeds signals. SIGHUP tells: Node catches SIGINT and SIGTERM from its start. */
const heedsSignals = (pid: number) => {
  const caught = /^SigCgt:\t(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return (BigInt(`0x${caught}`) & 1n) !== 0n;
};

test("a worker whose first one never comes ends when it is told to", async () => {
  const { child, ended } = pods(await freePort())(1, obfuscate(path("alone")));
  await vi.waitUntil(() => heedsSignals(child.pid!), { timeout: 60_000 });
  await sleep(1000);
  child.kill("SIGTERM");
  const asked = performance.now();
  const { code, stderr } = await ended;
  expect(code, stderr).toBe(143);
  expect(stderr).toContain("stopped by SIGTERM while it waits for the store where workers meet");
  expect(performance.now() - asked).toBeLessThan(20_000);
});

test("with a launcher's store, a first worker that stops while it verifies ends the others with 8", async () => {
  const port = await freePort();
  const place = { host: "127.0.0.1", port, isServer: true, prefix: "launcher" };
  const launcher = { ...place, rank: 0, size: 2, patience: 60 };
  const wait = { timeout: 20_000 };
  await vi.waitUntil(() => connectWorkers(launcher), wait);
  // Signs of life do not end with the common part.
  leaveWorkers();
  onTestFinished(endSignsOfLife);
  const sign = await vi.waitUntil(() => askWorkers("alive/0"), wait);
  await vi.waitUntil(() => ![undefined, null, sign].includes(askWorkers("alive/0")), wait);

  const pod = pods(port, { TORCHELASTIC_USE_AGENT_STORE: "True", DEEPOBF_WORKER_TIMEOUT: "5" });
  const out = path("frozen");
  const args = obfuscate(out, "--epochs", "4");
  const [first, second] = [0, 1].map((rank) => pod(rank, args)) as [Running, Running];
  while (!existsSync(join(out, "model.onnx")) && first.child.exitCode === null) await sleep(2);
  first.child.kill("SIGSTOP");
  const { code, stderr } = await second.ended;
  expect(existsSync(join(out, "summary.json"))).toBe(false);
  expect(code, stderr).toBe(8);
  expect(stderr).toContain("error: worker 0 of 2 does not answer for 5 s");
});

test("a process that takes a worker's place tells that this one is lost", async () => {
  const out = path("replaced");
  const pod = pods(await freePort());
  const args = obfuscate(out, "--epochs", "100000");
  const [first, second] = [0, 1].map((rank) => pod(rank, args)) as [Running, Running];
  while ((metricsOf(out)?.length ?? 0) < 2 && first.child.exitCode === null) await sleep(20);
  const third = pod(1, ["resume", out]);
  const { code, stderr } = await first.ended;
  expect(code, stderr).toBe(8);
  const lost = `error: worker 1 of 2 (process ${second.child.pid} on `;
  expect(stderr).toContain(lost);
  expect(stderr).toContain("is gone: another process has taken its place");
  expect(await codesOf([second, third])).toEqual([8, 8]);
});

// A current libtorch waits for an answer when it connects, and for longer.
const asksLate = libtorchVersion().startsWith("1.");

test.runIf(asksLate)(
  "a launcher's store that does not answer is told with its remedy",
  async () => {
    const more = { TORCHELASTIC_USE_AGENT_STORE: "True", DEEPOBF_WORKER_TIMEOUT: "2" };
    const { port, close } = await silentServer();
    onTestFinished(close);
    const pod = pods(port, more);
    const { code, stderr } = await pod(0, obfuscate(path("silent"))).ended;
    expect(code, stderr).toBe(8);
    expect(stderr).toMatch(/^error: worker 0 cannot meet the others at .*: no answer in 2 s/);
    expect(stderr).toContain("TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1");
  },
);

test("a network interface that is not there is told by its name", async () => {
  const more = { GLOO_SOCKET_IFNAME: "nowhere0" };
  const { code, stderr } = await start([...obfuscate(path("nowhere")), "--workers", "2"], more)
    .ended;
  expect(code, stderr).toBe(8);
  expect(stderr).toMatch(/^error: worker \d of 2 .*GLOO_SOCKET_IFNAME is "nowhere0"/m);
});

test("a script has several jobs, each of which only the first worker has the answer of", async () => {
  const [a, b] = [path("a"), path("b")];
  const [, model, , data] = obfuscate(a);
  const shared = { model, data, depth: 3, epochs: 1, batchSize: 64, threads: 1 };
  const options = { ...shared, precision: "f32", acceptOriginal: true };
  const script = path("script.mjs");
  writeFileSync(
    script,
    `import { obfuscate, PartDone } from ${JSON.stringify(join(root, "dist", "index.js"))};
    for (const out of ${JSON.stringify([a, b])}) {
      await obfuscate({ ...${JSON.stringify(options)}, out }).then(
        ({ modelSha256 }) => console.error("model", modelSha256),
        (error) => { if (!(error instanceof PartDone)) throw error; console.error("part"); },
      );
    }
    process.exit(); // libtorch's threads stay`,
  );
  const pod = pods(await freePort(), {}, [process.execPath, script]);
  const [first, second] = await Promise.all([0, 1].map((rank) => pod(rank, []).ended));
  const said = ({ stderr = "" }) => stderr.match(/^(model|part).*/gm);
  expect(said(first!), first!.stderr).toEqual([`model ${modelOf(a)}`, `model ${modelOf(a)}`]);
  expect(modelOf(b)).toBe(modelOf(a));
  expect(said(second!), second!.stderr).toEqual(["part", "part"]);
});
