// A group's words with a store that is slow, in a time that passes a thousand times as fast.
import { beforeEach, expect, test, vi } from "vitest";
import { InterruptedError, UsageError, WorkerError } from "../../src/errors.ts";
import { onOwnDevice } from "../../src/jobs/preparation.ts";
import { RunFolder } from "../../src/runs/index.ts";
import { Group } from "../../src/workers/group.ts";
import { membership } from "../../src/workers/membership.ts";
import { PartDone } from "../../src/workers/partDone.ts";
import { sharedRun } from "../../src/workers/sharedRun.ts";
import { toyOn } from "../jobs/toyJob.ts";
import { workshop } from "../workshop.ts";

const path = workshop();

vi.mock("node:timers/promises", async (importOriginal) => {
  const { setTimeout } = await importOriginal<typeof import("node:timers/promises")>();
  return { setTimeout: (delay: number, value: unknown) => setTimeout(delay / 1000, value) };
});

/** What is in the store. It answers in time where it is asked again. */
const store = new Map<string, string>();
const asked = new Set<string>();

/** The GPUs that this process sees. */
const devices: string[] = [];

vi.mock("../../src/torch/index.ts", async (importOriginal) => ({
  ...(await importOriginal<object>()),
  canHaveWorkers: () => true,
  connectWorkers: () => true,
  leaveWorkers: () => {},
  tellWorkers: (key: string, text: string) => void store.set(key, text),
  askWorkers: (key: string) => (asked.delete(key) ? (store.get(key) ?? null) : void asked.add(key)),
  announceFailure: (reason: string) => {
    facts.failure = reason;
  },
  workerFailure: () => facts.failure,
  workers: () => ({ rank: 0, size: facts.together }),
  cudaDevices: () => devices.length,
}));

/** Why a worker has failed, and how many train together. */
const facts: { failure: string | undefined; together: number } = {
  failure: undefined,
  together: 1,
};

beforeEach(() => {
  store.clear();
  Object.assign(facts, { failure: undefined, together: 1 });
});

const environment = { WORLD_SIZE: "2", RANK: "0", MASTER_ADDR: "127.0.0.1", MASTER_PORT: "29500" };

test("a worker that never comes is given up, also where the store is slow", {
  timeout: 30_000,
}, async () => {
  const group = await Group.meet(undefined, membership(environment));
  const joined = group.join();
  await expect(joined).rejects.toThrow(WorkerError);
  await expect(joined).rejects.toThrow("worker 1 of 2 did not come in 300 s");
  expect(facts.failure).toBe("failed: worker 1 of 2 did not come in 300 s");
});

test("those who wait for what the first one makes are stopped with it", async () => {
  facts.together = 2;
  const first = await Group.meet(undefined, membership(environment));
  const stopped = first.share(() => {
    throw new InterruptedError("SIGINT", "stopped while it judges");
  });
  const heard = (await second()).share(() => 0);
  await expect(heard).rejects.toMatchObject({ exitCode: 130, message: "stopped while it judges" });
  await expect(stopped).rejects.toThrow(InterruptedError);
  expect(store.get("ended/1")).toBe("");
});

const second = (signal?: AbortSignal) =>
  Group.meet(signal, membership({ ...environment, RANK: "1" }));
const partDone = () => Promise.reject(new PartDone());

test("a first worker without signs of life is given up, although a launcher's store answers", {
  timeout: 30_000,
}, async () => {
  store.set("alive/0", "7.9");
  const left = (await second()).guard(partDone);
  await expect(left).rejects.toThrow(WorkerError);
  await expect(left).rejects.toThrow("worker 0 of 2 does not answer for 30 s");
});

test("a first worker that gives signs of life is waited for until it is done", async () => {
  let looks = 0;
  vi.spyOn(store, "get").mockImplementation((key) => {
    if (key === "alive/0") return `7.${looks++}`;
    return key === "done" && looks > 500 ? "" : undefined; // 100 seconds
  });
  await expect((await second()).guard(partDone)).rejects.toThrow(PartDone);
  vi.restoreAllMocks();
  expect([...store.keys()]).toEqual(["ended/1"]);
});

test("a worker that waits for what the first one prepares ends when it is told to", async () => {
  const controller = new AbortController();
  const heard = (await second(controller.signal)).share(() => 0);
  setTimeout(() => controller.abort("SIGTERM"), 50);
  await expect(heard).rejects.toThrow(InterruptedError);
  await expect(heard).rejects.toThrow("stopped by SIGTERM while it waits for the other workers");
});

test("a run goes on with as many workers as it began with, and no others", async () => {
  const [alone, pair] = [await Group.meet(), await Group.meet(undefined, membership(environment))];
  alone.assertSize(undefined);
  alone.assertSize(1);
  pair.assertSize(2);
  for (const [group, expected, words] of [
    [alone, 2, "this run is one of 2 workers, and this process belongs to 1"],
    [pair, undefined, "this run is one of 1 workers, and this process belongs to 2"],
    [pair, 3, "this run is one of 3 workers, and this process belongs to 2"],
  ] as const) {
    expect(() => group.assertSize(expected)).toThrow(UsageError);
    expect(() => group.assertSize(expected)).toThrow(words);
  }
});

test("more workers than there are processes are refused before a run begins", async () => {
  const toy = toyOn(path("source.txt", "x"));
  const started = toy.start({ data: "cifar10:none", out: path("run"), workers: 2 });
  await expect(started).rejects.toThrow(UsageError);
  await expect(started).rejects.toThrow(
    "--workers: 2 were asked for, and this process is one of 1. A launcher starts as many",
  );
});

test("the first worker's clock alone says when a checkpoint is due", async () => {
  const config = { job: "test", options: { checkpointSeconds: 60 } };
  const folder = await RunFolder.create(path("clock"), config);
  const secondsOf = async (RANK: string, own: RunFolder | undefined) => {
    const group = await Group.meet(undefined, membership({ ...environment, RANK }));
    return sharedRun(folder, own, group).checkpointSeconds;
  };
  expect(await secondsOf("0", folder)).toBe(60);
  expect(await secondsOf("1", undefined)).toBe(Number.POSITIVE_INFINITY);
});

test("workers compute each on a GPU of its own, which may be the only one that it sees", async () => {
  const deviceOf = async (LOCAL_RANK: string, device: string) => {
    const group = await Group.meet(undefined, membership({ ...environment, LOCAL_RANK }));
    return onOwnDevice({ device }, group).device;
  };
  devices.push("first");
  expect(await deviceOf("0", "cuda")).toBe("cuda:0");
  expect(await deviceOf("3", "cuda:0")).toBe("cuda:0");
  vi.stubEnv("DEEPOBF_LAUNCHED", "1");
  expect(await deviceOf("3", "cuda:0")).toBe("cuda:3"); // refused later: workers that we start see the same ones
  vi.unstubAllEnvs();
  devices.push("second");
  expect(await deviceOf("0", "cuda:1")).toBe("cuda:0");
  expect(await deviceOf("1", "cuda:0")).toBe("cuda:1");
  expect(await deviceOf("1", "cpu")).toBe("cpu");
  expect(onOwnDevice({ device: "cuda:1" }, await Group.meet()).device).toBe("cuda:1");
});
