// What a run is: its folder, lock, checkpoints and metrics, and the events that it gives on the way.
export type { Checkpoint, Position } from "./checkpoint.ts";
export {
  type EpochEvent,
  type JobHooks,
  type NoteEvent,
  type Phase,
  type PreparedEvent,
  type ProgressEvent,
  type StepEvent,
  throwIfStopped,
} from "./events.ts";
export { assertNew, type RunConfig, type RunFiles, RunFolder, readConfig } from "./runFolder.ts";
