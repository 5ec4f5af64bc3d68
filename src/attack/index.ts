// Attacks: what a pirate gets out of a stolen file, by each way that is known.
export { attackJob } from "./job.ts";
export type { AttackOptions, AttackResults, AttackSummary } from "./options.ts";
export type { AttackDescription } from "./prepare.ts";
