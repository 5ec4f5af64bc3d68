// What the program and the threads that decode say to each other. Pixels go through shared memory.

import type { ImageView } from "./imageView.ts";

/** Files for all threads alike: each takes the next one that none has taken. */
export interface DecodeTask {
  readonly id: number;
  readonly paths: readonly string[];
  readonly view: ImageView;
  /** Number of files that were taken: one 32-bit integer. */
  readonly taken: SharedArrayBuffer;
  /** Where the images go, in the files' order; absent where files are only looked at. */
  readonly pixels?: SharedArrayBuffer;
}

/** A thread has no more to do for a task. */
export interface DecodeReport {
  readonly id: number;
  /** What is wrong with a file, as the end of a sentence, by its place in the list. */
  readonly complaints: readonly (readonly [place: number, complaint: string])[];
  /** Places of the files that are shown turned, as their cameras noted. */
  readonly turned: readonly number[];
  /** Message of an error that no file is to blame for. */
  readonly failure?: string;
}
