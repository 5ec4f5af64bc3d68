// What is said between a session and the process that runs ONNX Runtime for it. Each request gets one
// reply; tensor elements and model bytes are the payloads of a message, in the order of its list.

import type { DataType, ValueInfo } from "../graph/graph.ts";
import type { RuntimePackage } from "./packages.ts";

export interface NamedTensor {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
}

export type Request =
  /** Loads a model from `path`, or from the payload without one. */
  | {
      readonly type: "open";
      readonly path?: string;
      readonly threads?: number;
      /** Names of ONNX Runtime's graph optimizations that are left out. */
      readonly without?: readonly string[];
    }
  /** Runs once; the payloads are the elements of `feeds`. */
  | { readonly type: "run"; readonly feeds: readonly NamedTensor[] }
  /** Runs on made-up input, `repeats` times a measurement, until `seconds` or `runs` are used up. */
  | {
      readonly type: "time";
      readonly feeds: readonly NamedTensor[];
      readonly repeats: number;
      readonly warmUp: number;
      readonly seconds: number;
      readonly runs: number;
    };

/** `timeoutSeconds`: seconds of processor time that it may take, which is not what a measurement spends. */
export type TimedRequest = Request & { readonly timeoutSeconds: number };

export type Reply =
  /** `runtime`: the package that was loaded. */
  | {
      readonly type: "opened";
      readonly runtime: RuntimePackage;
      readonly inputs: ValueInfo[];
      readonly outputs: ValueInfo[];
    }
  | { readonly type: "ran"; readonly outputs: NamedTensor[] }
  | { readonly type: "timed"; readonly milliseconds: number[] }
  /** `missing`: ONNX Runtime itself could not be loaded. */
  | { readonly type: "failed"; readonly message: string; readonly missing: boolean };
