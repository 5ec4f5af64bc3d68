// What a worker is told by its environment, and which images it gets.
import { expect, test } from "vitest";
import { Batches } from "../../src/data/index.ts";
import { UsageError } from "../../src/errors.ts";
import { membership } from "../../src/workers/membership.ts";
import { quarters } from "../train/tiny.ts";

test("workers show the batches of one process, mixtures and all", async () => {
  for (const mixup of [0, 0.4]) {
    using batches = new Batches(quarters(48), {
      batch: 12,
      seed: 7,
      mean: [0.3],
      std: [0.3],
      dropLast: true,
      augment: { crop: 1, flip: true, mixup },
    });
    const whole = await shown(batches, { rank: 0, size: 1 });
    for (const size of [2, 3, 4]) {
      const parts = await Promise.all(
        Array.from({ length: size }, (_, rank) => shown(batches, { rank, size })),
      );
      const joined = whole.map((_, step) => {
        const each = parts.map((part) => part[step]!);
        return {
          images: each.map(({ images }) => images).join(""),
          labels: each.flatMap(({ labels }) => labels),
          mixed: each.flatMap(({ mixed }) => mixed),
        };
      });
      expect(joined).toEqual(whole);
    }
  }
});

async function shown(batches: Batches, share: { rank: number; size: number }) {
  const found = [];
  for await (const { images, labels, mixed, size } of batches.epoch(3, { from: 1, share })) {
    expect(size).toBe(12 / share.size);
    found.push({
      images: Buffer.from(images.toBytes()).toString("hex"),
      labels: labels!.numbers(),
      mixed: mixed?.labels?.numbers() ?? [],
    });
  }
  return found;
}

test.each<[number, boolean, string]>([
  [5, true, "--batch-size 10"],
  // The last batch of an epoch would be smaller, and its parts no longer alike.
  [2, false, "2 workers cannot share batches of 12"],
])("a batch that %i workers cannot share alike is refused", async (size, dropLast, cause) => {
  const options = { batch: 12, seed: 0, mean: [0], std: [1], dropLast };
  using batches = new Batches(quarters(48), options);
  const first = batches.epoch(0, { share: { rank: 0, size } }).next();
  await expect(first).rejects.toThrow(UsageError);
  await expect(first).rejects.toThrow(cause);
});

const torchrun = {
  RANK: "3",
  LOCAL_RANK: "1",
  WORLD_SIZE: "4",
  LOCAL_WORLD_SIZE: "2",
  GROUP_RANK: "1",
  MASTER_ADDR: "node1",
  MASTER_PORT: "29500",
  TORCHELASTIC_RESTART_COUNT: "2",
  TORCHELASTIC_USE_AGENT_STORE: "True",
  OMP_NUM_THREADS: "1",
};

test("launchers say who a worker is", () => {
  expect(membership({})).toBe(undefined);
  expect(membership({ WORLD_SIZE: "1", RANK: "0" })).toBe(undefined);
  expect(membership(torchrun)).toEqual({
    rank: 3,
    size: 4,
    localRank: 1,
    localSize: 2,
    host: "node1",
    port: 29_500,
    isLaunchersStore: true,
    isServer: false,
    attempt: 2,
    patience: 30,
    networkInterface: "",
  });
  // As torchrun --standalone on one machine, Kubernetes' training operator, and examples/cluster/slurm.sh say it.
  const standalone = { ...torchrun, RANK: "0", TORCHELASTIC_USE_AGENT_STORE: "False" };
  expect(membership(standalone)).toMatchObject({
    rank: 0,
    isLaunchersStore: false,
    isServer: true,
    attempt: 0, // another host's torchrun that joins again may count otherwise
  });
  const pod = { RANK: "0", WORLD_SIZE: "2", MASTER_ADDR: "job-master-0", MASTER_PORT: "23456" };
  expect(membership(pod)).toMatchObject({
    localRank: 0,
    localSize: 1,
    isServer: true,
    attempt: 0,
  });
  expect(membership({ ...pod, RANK: "1", GLOO_SOCKET_IFNAME: "ib0" })).toMatchObject({
    rank: 1,
    isServer: false,
    networkInterface: "ib0",
  });
});

test("patience is that of the environment", () => {
  expect(membership({ ...torchrun, DEEPOBF_WORKER_TIMEOUT: "90" })).toMatchObject({ patience: 90 });
  expect(() => membership({ ...torchrun, DEEPOBF_WORKER_TIMEOUT: "0" })).toThrow(
    /DEEPOBF_WORKER_TIMEOUT: expected a whole number from 1 to 86400, received "0"/,
  );
});

test("an environment that is no worker's is refused with all that is wrong", () => {
  const refusal = (environment: object) => () => membership({ ...torchrun, ...environment });
  expect(refusal({ RANK: "4" })).toThrow(UsageError);
  expect(refusal({ RANK: "4" })).toThrow(/RANK: expected a whole number from 0 to 3, received "4"/);
  expect(refusal({ RANK: "0.5" })).toThrow(UsageError);
  // Who took it for 1 would train alone beside the others.
  expect(refusal({ WORLD_SIZE: "four", RANK: "0" })).toThrow(
    /WORLD_SIZE: expected a whole number from 1 to 4096, received "four"/,
  );
  expect(refusal({ RANK: "", MASTER_ADDR: "", MASTER_PORT: "x" })).toThrow(
    /RANK: .*received nothing\n.*MASTER_PORT: .*received "x"\n.*MASTER_ADDR: expected a host/s,
  );
});
