// The main job and its parts.
export { dryRun, type Forecast } from "./dryRun.ts";
export { obfuscationJob } from "./job.ts";
export type {
  ModelFigures,
  ObfuscateOptions,
  ObfuscateSummary,
  ResolvedOptions,
} from "./options.ts";
export { type ChainPlan, layerCosts, planChain } from "./plan.ts";
export { type Description, prepare } from "./prepare.ts";
