// Disks of many sizes that fill up during a run: the run ends with exit code 5, and gives the same file once there is
// room.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { describeFailure } from "../../src/cli/failure.ts";
import { setThreads } from "../../src/torch/index.ts";
import { mountDisk, workshop } from "../workshop.ts";
import { tinyRun, toyOn } from "./toyJob.ts";

const path = workshop();
const toy = toyOn(path("source.txt", "what the job works on"));

const kibibytes = [8, 12, 16, 24, 32, 40, 48, 56, 64, 80];
const disks = kibibytes.map((size) => [size, path(`disk${size}`)] as const);
const areThere = disks.map(([size, disk]) => mountDisk(disk, size)).every(Boolean);

let expected = Buffer.alloc(0);
beforeAll(async () => {
  setThreads(1);
  expected = readFileSync((await toy.start(tinyRun(path()))).files.model);
});

describe.skipIf(!areThere)("a disk that fills up", () => {
  let full = 0;
  test.each(disks)("of %d KiB: the run goes on once there is room", async (_, disk) => {
    const out = join(disk, "run");
    const failure = await toy.start(tinyRun(out)).then(() => undefined, describeFailure);
    if (failure) {
      full++;
      expect(failure.exitCode).toBe(5);
      expect(failure.message).toContain("the disk is full");
    }
    expect(spawnSync("mount", ["-o", "remount,size=8m", disk]).status).toBe(0);
    const { files } = await (existsSync(out) ? toy.resume(out) : toy.start(tinyRun(out)));
    expect(readFileSync(files.model).equals(expected)).toBe(true);
  });

  test("is met by most of these runs", () => {
    expect(full).toBeGreaterThanOrEqual(5);
  });
});
