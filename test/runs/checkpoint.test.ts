import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { DataError, ResourceError } from "../../src/errors.ts";
import {
  assertStage,
  backToReturnPoint,
  type Checkpoint,
  readCheckpoint,
  writeCheckpoint,
} from "../../src/runs/checkpoint.ts";
import { MetricsFile } from "../../src/runs/metrics.ts";
import { operator, scope, type Tensor, tensor } from "../../src/torch/index.ts";
import { filesBelow, mountDisk, workshop } from "../workshop.ts";
import { arm, disarm } from "./faults.ts";

vi.mock("node:fs/promises", async (original) =>
  (await import("./faults.ts")).faulty(await original()),
);

const path = workshop();

/** A checkpoint whose every value follows from its step. */
function checkpointAt(step: number, elements = 3): Checkpoint {
  return {
    step,
    halvings: 0,
    epochLosses: { label: step / 3, loss: 1e-45 + step },
    stageIndex: 1,
    configuration: "c".repeat(64),
    metricsLength: 10 * step,
    seconds: step + 0.1,
    tensors: new Map([
      ["weight", tensor(Float32Array.from({ length: elements }, (_, i) => step + i / 7))],
      ["count", tensor([step], { shape: [], dtype: "int64" })],
    ]),
  };
}

/** A folder with checkpoints of these steps. */
async function folderWith(...steps: number[]): Promise<string> {
  const folder = path();
  for (const step of steps) await writeCheckpoint(folder, checkpointAt(step));
  return folder;
}

function plain(checkpoint: Checkpoint | undefined) {
  if (!checkpoint) return undefined;
  const tensors = [...checkpoint.tensors].map(([name, each]) => [name, each.toTypedArray()]);
  return { ...checkpoint, tensors };
}

describe("checkpoints", () => {
  test("come back as they were written; the newest first", async () => {
    expect(await readCheckpoint(path())).toBeUndefined();
    const folder = await folderWith(1);
    expect(plain(await readCheckpoint(folder))).toEqual(plain(checkpointAt(1)));
    await writeCheckpoint(folder, checkpointAt(2));
    expect(plain(await readCheckpoint(folder))).toEqual(plain(checkpointAt(2)));
  });

  test("are kept twice, in order beyond the ninth", async () => {
    const folder = await folderWith(...Array.from({ length: 12 }, (_, i) => i));
    expect(readdirSync(folder)).toEqual(["000011", "000012"]);
    expect((await readCheckpoint(folder))?.step).toBe(11);
  });

  const damages: Record<string, (newest: string) => void> = {
    "a state cut short": (newest) => {
      const state = join(newest, "state.safetensors");
      writeFileSync(state, readFileSync(state).subarray(0, -1));
    },
    "a state with one bit changed": (newest) => {
      const state = join(newest, "state.safetensors");
      const bytes = readFileSync(state);
      bytes[bytes.length - 1]! ^= 1;
      writeFileSync(state, bytes);
    },
    "an empty state": (newest) => writeFileSync(join(newest, "state.safetensors"), ""),
    "no state": (newest) => rmSync(join(newest, "state.safetensors")),
    "no manifest": (newest) => rmSync(join(newest, "manifest.json")),
    "an empty manifest": (newest) => writeFileSync(join(newest, "manifest.json"), ""),
    "a manifest of null": (newest) => writeFileSync(join(newest, "manifest.json"), "null"),
    "a manifest that is nested too deep": (newest) => {
      const manifest = join(newest, "manifest.json");
      const text = readFileSync(manifest, "utf8");
      writeFileSync(manifest, text.replace("{", `{"x":${"[".repeat(1e5)}${"]".repeat(1e5)},`));
    },
    "a manifest of another checkpoint": (newest) =>
      cpSync(join(newest, "../000002/manifest.json"), join(newest, "manifest.json")),
    "a manifest of another step": (newest) => {
      const manifest = join(newest, "manifest.json");
      writeFileSync(manifest, readFileSync(manifest, "utf8").replace(/"step":\d/, '"step":9'));
    },
    "nothing in it": (newest) => {
      rmSync(newest, { recursive: true });
      mkdirSync(newest);
    },
  };

  test.each(Object.entries(damages))("with %s do not count", async (_, damage) => {
    const folder = await folderWith(1, 2, 3);
    damage(join(folder, "000003"));
    expect(plain(await readCheckpoint(folder))).toEqual(plain(checkpointAt(2)));
    // The run goes on from there, and the damaged one stands in nobody's way.
    await writeCheckpoint(folder, checkpointAt(5));
    expect((await readCheckpoint(folder))?.step).toBe(5);
    damage(join(folder, readdirSync(folder).at(-1)!));
    expect((await readCheckpoint(folder))?.step).toBe(2);
  });

  test("are none where all are damaged", async () => {
    const folder = await folderWith(1, 2);
    for (const name of readdirSync(folder)) rmSync(join(folder, name, "manifest.json"));
    expect(await readCheckpoint(folder)).toBeUndefined();
  });

  test("that were being written when the process ended are removed", async () => {
    const folder = await folderWith(1);
    cpSync(join(folder, "000001"), join(folder, "000002.0-0.tmp"), { recursive: true });
    mkdirSync(join(folder, "000003.0-1.tmp"));
    expect((await readCheckpoint(folder))?.step).toBe(1);
    expect(readdirSync(folder)).toEqual(["000001"]);
  });

  test("that cannot be read are not given up", async () => {
    const folder = await folderWith(1, 2);
    rmSync(join(folder, "000002", "manifest.json"));
    // Opening it gives ENOTDIR, ELOOP, EACCES, ...: nothing that says that the file is damaged.
    symlinkSync("manifest.json", join(folder, "000002", "manifest.json"));
    await expect(readCheckpoint(folder)).rejects.toThrow(/000002.manifest.json is a link/);
    expect(readdirSync(folder)).toEqual(["000001", "000002"]);
  });

  test("of another version are refused, not removed", async () => {
    const folder = await folderWith(1, 2);
    const manifest = join(folder, "000002", "manifest.json");
    writeFileSync(manifest, readFileSync(manifest, "utf8").replace('"format":2', '"format":1'));
    await expect(readCheckpoint(folder)).rejects.toThrow(/000002 is no checkpoint.*\bformat: /);
    expect(readdirSync(folder)).toEqual(["000001", "000002"]);
  });

  test("are not written where the run's folder is gone, and make none", async () => {
    const run = path("moved");
    await expect(writeCheckpoint(join(run, "checkpoints"), checkpointAt(1))).rejects.toThrow(
      /cannot write .*moved.checkpoints: the folder above it does not exist \(ENOENT\)/,
    );
    expect(readdirSync(path("."))).not.toContain("moved");
  });

  test("that could not be read again are refused before they are made", async () => {
    const large = operator("aten::expand")(tensor([0]), [2 ** 29], false) as Tensor;
    const tensors = new Map([["weight", large]]);
    const writing = writeCheckpoint(path(), { ...checkpointAt(1), tensors });
    await expect(writing).rejects.toThrow(ResourceError);
    await expect(writing).rejects.toThrow("take 2.0 GiB, and a checkpoint holds less than 2");
  });

  test("that a training goes back to are kept, the newest", async () => {
    const folder = path();
    for (const step of [0, 1, 2, 3, 4, 5]) {
      await writeCheckpoint(folder, checkpointAt(step), { isReturnPoint: step % 3 === 0 });
    }
    expect(readdirSync(folder)).toEqual(["000004-return", "000005", "000006"]);
    expect((await readCheckpoint(folder))?.step).toBe(5);
    await backToReturnPoint(folder);
    expect(plain(await readCheckpoint(folder))).toEqual(plain(checkpointAt(3)));
    expect(readdirSync(folder)).toEqual(["000004-return"]);
  });

  test.each(["ENOSPC", "EIO"])(
    "leave the one before untouched, whichever call fails with %s",
    async (code) => {
      let calls = 0;
      for (let n = 1; ; n++) {
        const folder = await folderWith(1, 2);
        arm(n, code);
        const error = await writeCheckpoint(folder, checkpointAt(3)).catch((reason) => reason);
        const call = disarm();
        if (call === "") break;
        calls++;
        expect(error).toBeInstanceOf(ResourceError);
        expect(error.message).toContain(`(${code})`);
        const found = plain(await readCheckpoint(folder));
        expect([plain(checkpointAt(2)), plain(checkpointAt(3))]).toContainEqual(found);
        expect(filesBelow(folder).filter((name) => name.includes(".tmp"))).toEqual([]);
        await writeCheckpoint(folder, checkpointAt(4));
        expect(plain(await readCheckpoint(folder))).toEqual(plain(checkpointAt(4)));
      }
      expect(calls).toBe(18);
    },
  );

  const disk = path("disk");
  test.skipIf(!mountDisk(disk, 512))("survive a full disk", async () => {
    const folder = join(disk, "checkpoints");
    const large = (step: number) => scope(() => checkpointAt(step, 40_000));
    await writeCheckpoint(folder, large(1));
    await writeCheckpoint(folder, large(2));
    writeFileSync(join(disk, "filler"), new Uint8Array(100_000));
    await expect(writeCheckpoint(folder, large(3))).rejects.toThrow(ResourceError);
    expect(readdirSync(folder)).toEqual(["000001", "000002"]);
    expect(plain(await readCheckpoint(folder))).toEqual(plain(large(2)));
    rmSync(join(disk, "filler"));
    await writeCheckpoint(folder, large(3));
    expect((await readCheckpoint(folder))?.step).toBe(3);
  });
});

test("a checkpoint of a stage that the job has not is refused", () => {
  const { tensors: _, ...position } = checkpointAt(1);
  const second = { ...position, tensors: new Map() };
  assertStage(undefined, 1);
  assertStage(second, 2);
  expect(() => assertStage(second, 1)).toThrow(DataError);
  expect(() => assertStage(second, 1)).toThrow("the checkpoint is of stage 2 of 1");
});

const epochLine = (epoch: number) => ({
  stage: "chain",
  epoch,
  epochs: 9,
  seconds: 1,
  imagesPerSecond: 2,
  losses: { label: epoch / 2 },
  rate: 1 / epoch,
});

describe("metrics", () => {
  const lines = (file: MetricsFile) =>
    readFileSync(file.path, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));

  test("go back to where a checkpoint was", async () => {
    const file = new MetricsFile(path());
    expect(await file.flush()).toBe(0);
    await file.rewind(0);
    await file.append(epochLine(1));
    const length = await file.flush();
    expect(length).toBe(readFileSync(file.path).length);
    await file.append(epochLine(2));
    await file.append(epochLine(3));
    await file.rewind(length);
    expect(lines(file)).toEqual([epochLine(1)]);
    await file.append(epochLine(2));
    expect(lines(file).map(({ epoch }) => epoch)).toEqual([1, 2]);
    await file.rewind(0);
    expect(lines(file)).toEqual([]);
  });

  test("lose half a line that a crash left", async () => {
    const file = new MetricsFile(path());
    await file.append(epochLine(1));
    const length = await file.flush();
    writeFileSync(file.path, '{"epo', { flag: "a" });
    await file.rewind(length);
    await file.append(epochLine(2));
    expect(lines(file).map(({ epoch }) => epoch)).toEqual([1, 2]);
  });

  test("that no run wrote are refused, with the line", async () => {
    const file = new MetricsFile(path());
    await file.append(epochLine(1));
    await file.append({ epoch: 2 });
    await expect(file.rewind(await file.flush())).rejects.toThrow(/line 2, is no line of a run/);
    await expect(file.rewind(1000)).rejects.toThrow(/bytes, but 1000 when/);
  });

  test("tell of a full disk", async () => {
    const file = new MetricsFile(path());
    arm(1, "ENOSPC");
    await expect(file.append(epochLine(1))).rejects.toThrow(ResourceError);
    disarm();
  });
});
