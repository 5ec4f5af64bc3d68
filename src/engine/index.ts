// The engine: runs a graph on libtorch.
export { type ForwardOptions, Network, type NetworkOptions } from "./network.ts";
export type { Precision } from "./precision.ts";
export { assertSupported } from "./table.ts";
