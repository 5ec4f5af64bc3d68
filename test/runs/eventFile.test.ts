// Event files as TensorBoard reads them: by their bytes, and by TensorBoard itself where Python has it.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DataError, ResourceError } from "../../src/errors.ts";
import { crc32c, keepEvents } from "../../src/runs/eventFile.ts";
import { mountDisk, workshop } from "../workshop.ts";

const file = workshop();
const python = process.env.DEEPOBF_TENSORBOARD ?? "python3";
const hasTensorBoard = spawnSync(python, ["-c", "import tensorboard"]).status === 0;

const epoch = { type: "epoch", stage: "chain", epochs: 2, seconds: 1, rate: 0.5 } as const;

/** A run's folder with the events of two epochs. */
async function written(name: string): Promise<string> {
  const directory = join(file(`${name}/config.json`, "{}"), "..");
  const { onProgress } = await keepEvents({}, { directory });
  onProgress({ ...epoch, epoch: 1, imagesPerSecond: 800, losses: { loss: 1.5, label: 0.5 } });
  onProgress({ ...epoch, epoch: 2, imagesPerSecond: 900, losses: { loss: 0.75, label: 0.25 } });
  return join(directory, "tensorboard");
}

test("the checksum is that of RFC 3720, appendix B.4", () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
});

test("a link in the place of the folder is refused, and nothing is written behind it", async () => {
  const outside = join(file("outside/kept", ""), "..");
  const directory = join(file("linked/config.json", "{}"), "..");
  symlinkSync(outside, join(directory, "tensorboard"));
  await expect(keepEvents({}, { directory })).rejects.toThrow(DataError);
  expect(readdirSync(outside)).toEqual(["kept"]);
});

test("the folder of a run that was moved away is not made anew", async () => {
  const directory = join(file("moved/config.json", "{}"), "..");
  const { onProgress } = await keepEvents({}, { directory });
  rmSync(directory, { recursive: true });
  const tell = () => onProgress({ ...epoch, epoch: 1, imagesPerSecond: 800, losses: { loss: 1 } });
  expect(tell).toThrow(ResourceError);
  expect(existsSync(directory)).toBe(false);
});

/** What records of an event file hold, as far as they are whole. */
function recordsOf(bytes: Buffer): string[] {
  const records: string[] = [];
  for (let at = 0; at + 12 < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    if (at + 12 + length + 4 > bytes.length) break;
    records.push(bytes.subarray(at + 12, at + 12 + length).toString("latin1"));
    at += 12 + length + 4;
  }
  return records;
}

const disk = file("disk");
test.skipIf(!mountDisk(disk, 16))("an epoch that a full disk takes half of is told", async () => {
  const directory = join(disk, "run");
  mkdirSync(directory);
  writeFileSync(join(disk, "filler"), new Uint8Array(12 * 1024));
  const { onProgress } = await keepEvents({}, { directory });
  const tell = (number: number) =>
    onProgress({ ...epoch, epoch: number, imagesPerSecond: 800, losses: { loss: 1 } });
  let told = 0;
  expect(() => {
    for (; told < 1000; told++) tell(told + 1);
  }).toThrow(ResourceError);
  const folder = join(directory, "tensorboard");
  const bytes = readFileSync(join(folder, readdirSync(folder)[0]!));
  expect(bytes.length).toBe(4096);
  expect(recordsOf(bytes)).toHaveLength(2 + told); // version and start
});

test("records follow each other by their lengths: version, start, and one for each epoch", async () => {
  const folder = await written("bytes");
  const [name] = readdirSync(folder);
  expect(name).toMatch(/^events\.out\.tfevents\.\d+\./);
  const bytes = readFileSync(join(folder, name!));
  // As every event file begins: 24 bytes, and the masked checksum of that length.
  expect(bytes.subarray(0, 13).toString("hex")).toBe("1800000000000000a37f4b2209");
  const records = recordsOf(bytes);
  expect(records).toHaveLength(4);
  expect(records[0]).toContain("brain.Event:2");
  expect(records[2]).toContain("loss/label");
});

/** A run's folder whose second epoch a setback took back. */
async function withSetback(name: string): Promise<string> {
  const directory = join(file(`${name}/config.json`, "{}"), "..");
  const { onProgress } = await keepEvents({}, { directory });
  for (const [number, loss] of [
    [1, 1],
    [2, 8],
    [2, 0.5],
  ] as const)
    onProgress({ ...epoch, epoch: number, imagesPerSecond: 800, losses: { loss } });
  return join(directory, "tensorboard");
}

test("epochs that a setback takes back are begun anew", async () => {
  const folder = await withSetback("setback");
  const records = recordsOf(readFileSync(join(folder, readdirSync(folder)[0]!)));
  const starts = records.map((record) => record.includes("\x3a\x02\x08\x01")); // session_log, its status: START
  expect(starts).toEqual([false, true, false, false, true, false]);
});

/** The steps and values that TensorBoard reads, by tag. */
function readByTensorBoard(folder: string): unknown {
  const script = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1]).Reload()
tags = events.Tags()["scalars"]
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags}))`;
  const { stdout, stderr } = spawnSync(python, ["-c", script, folder], {
    encoding: "utf8",
  });
  if (!stdout) throw new Error(stderr);
  return JSON.parse(stdout);
}

test.skipIf(!hasTensorBoard)("TensorBoard reads what was written", async () => {
  expect(readByTensorBoard(await written("read"))).toEqual({
    loss: [
      [1, 1.5],
      [2, 0.75],
    ],
    "loss/label": [
      [1, 0.5],
      [2, 0.25],
    ],
    "images per second": [
      [1, 800],
      [2, 900],
    ],
    rate: [
      [1, 0.5],
      [2, 0.5],
    ],
  });
});

test.skipIf(!hasTensorBoard)("TensorBoard forgets what a setback takes back", async () => {
  expect(readByTensorBoard(await withSetback("forgotten"))).toMatchObject({
    loss: [
      [1, 1],
      [2, 0.5],
    ],
  });
});
