// A thread that decodes images. See decodePool.ts.

import { parentPort } from "node:worker_threads";
import { decodeImage, describeSize, probeImage } from "./decode.ts";
import type { DecodeReport, DecodeTask } from "./decodeTask.ts";

/** Files that a thread has in hand: one is read while another is decoded. */
const atOnce = 2;

let work = Promise.resolve();

parentPort!.on("message", (task: DecodeTask) => {
  work = work.then(async () => parentPort!.postMessage(await perform(task)));
});

async function perform(task: DecodeTask): Promise<DecodeReport> {
  const { id, paths } = task;
  const taken = new Int32Array(task.taken);
  const complaints: [number, string][] = [];
  const takeAll = async () => {
    for (;;) {
      const place = Atomics.add(taken, 0, 1);
      if (place >= paths.length) return;
      const complaint = await take(paths[place]!, place, task);
      if (complaint !== undefined) complaints.push([place, complaint]);
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, takeAll));
    return { id, complaints };
  } catch (error) {
    return { id, complaints, failure: error instanceof Error ? error.message : String(error) };
  }
}

async function take(
  path: string,
  place: number,
  { view, pixels }: DecodeTask,
): Promise<string | undefined> {
  if (!pixels) {
    const size = await probeImage(path);
    return typeof size === "string" ? size : describeSize(size, view);
  }
  const planes = await decodeImage(path, view);
  if (typeof planes === "string") return planes;
  new Uint8Array(pixels).set(planes, place * planes.length);
  return undefined;
}
