// A thread that decodes images. See decodePool.ts.

import { parentPort } from "node:worker_threads";
import { decodeImage, describeSize, probeImage, type Shown } from "./decode.ts";
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
  const turned: number[] = [];
  const takeAll = async () => {
    for (;;) {
      const place = Atomics.add(taken, 0, 1);
      if (place >= paths.length) return;
      const found = await take(paths[place]!, place, task);
      if (typeof found === "string") complaints.push([place, found]);
      else if (found.isTurned) turned.push(place);
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, takeAll));
    return { id, complaints, turned };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    return { id, complaints, turned, failure };
  }
}

async function take(
  path: string,
  place: number,
  { view, pixels }: DecodeTask,
): Promise<Pick<Shown, "isTurned"> | string> {
  if (!pixels) {
    const shown = await probeImage(path, view.orientation);
    return typeof shown === "string" ? shown : (describeSize(shown.size, view) ?? shown);
  }
  const decoded = await decodeImage(path, view);
  if (typeof decoded === "string") return decoded;
  const { planes, isTurned } = decoded;
  new Uint8Array(pixels).set(planes, place * planes.length);
  return { isTurned };
}
