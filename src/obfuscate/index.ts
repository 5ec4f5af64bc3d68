// The main job and its parts.
export { dryRun, type Forecast } from "./dryRun.ts";
export { obfuscationJob } from "./job.ts";
export type { ModelFigures, ObfuscateOptions, ObfuscateSummary } from "./options.ts";
export { type ChainPlan, layerCosts, planChain } from "./plan.ts";
export type { Description } from "./prepare.ts";
