// Models that the library got as bytes, where the system's temporary folder has no room for them.
import { readdirSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { ResourceError } from "../../src/errors.ts";
import { mountDisk, workshop } from "../workshop.ts";

const disk = workshop()("disk");
const isMounted = mountDisk(disk, 64);
vi.stubEnv("TMPDIR", disk);
const { withModelFile } = await import("../../src/library/modelFile.ts");

test.skipIf(!isMounted)("bytes that fill the disk are told of, and nothing is left", async () => {
  const work = () => withModelFile({ model: new Uint8Array(100_000) }, async () => "done");
  await expect(work()).rejects.toThrow(ResourceError);
  await expect(work()).rejects.toThrow(/cannot write .*model\.onnx: the disk is full; free some/);
  expect(readdirSync(disk)).toEqual([]);
});
