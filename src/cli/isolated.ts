// How commands look at files of strangers: in a process of its own (isolate/run.ts).
import { runIsolated } from "../isolate/run.ts";

/** Calls a function of a module of evaluate/ there. Throws what it throws, and ModelError where the process dies. */
export function isolated<Options extends object, Result>(
  module: string,
  name: string,
  run: Parameters<typeof runIsolated<Options, Result>>[1],
): Promise<Result> {
  const url = new URL(`../evaluate/${module}.js`, import.meta.url).href;
  return runIsolated<Options, Result>({ module: url, name }, run);
}
