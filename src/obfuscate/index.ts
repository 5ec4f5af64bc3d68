// The main job and its parts.
export { obfuscate, resume } from "./job.ts";
export type { ModelFigures, ObfuscateOptions, ObfuscateSummary } from "./options.ts";
export { type Plan, planChain } from "./plan.ts";
