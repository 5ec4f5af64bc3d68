// What a run is: its folder, lock, checkpoints and metrics, and the events that it gives on the way.
export { assertStage, type Checkpoint, type Position } from "./checkpoint.ts";
export {
  type EpochEvent,
  type JobHooks,
  type Phase,
  type ProgressEvent,
  type StepEvent,
  throwIfStopped,
} from "./events.ts";
export type { Setback } from "./metrics.ts";
export {
  assertNew,
  configError,
  mostModelBytes,
  type RunFiles,
  RunFolder,
  readConfig,
} from "./runFolder.ts";
