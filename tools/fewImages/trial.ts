// What distinguishes the runs of `npm run few-images`.
import { join } from "node:path";
import type { FewImagesRun } from "../records/records.ts";

/** A run to make. */
export type Trial = Pick<
  FewImagesRun,
  "series" | "name" | "depth" | "images" | "heldOut" | "epochs" | "seed"
>;

/** Whether a record of the same run is there. */
export function isRecorded(trial: Trial, records: readonly Trial[]): boolean {
  const keys = Object.keys(trial) as (keyof Trial)[];
  return records.some((record) => keys.every((key) => record[key] === trial[key]));
}

/** The folder of a run, below the working directory. */
export function folderOf({ series, name, depth, images, heldOut, epochs, seed }: Trial): string {
  const variant = name.replaceAll(" ", "-");
  const run = `${series}-${depth}-${images}-h${heldOut}-e${epochs}-${variant}-s${seed}`;
  return join("runs", "few-images", run);
}
