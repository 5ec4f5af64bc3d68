// The folder of a new run.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { RunFolder } from "../runs/index.ts";
import { tellLauncher } from "../workers/launch.ts";
import { type Config, parseConfig } from "./configuration.ts";
import type { JobDefinition, JobTypes, Prepared } from "./definition.ts";
import { versions } from "./origin.ts";

/** The first of runs/NAME-1, runs/NAME-2, ... that is free. */
export function freeFolder(name: string): string {
  for (let number = 1; ; number++) {
    const folder = join("runs", `${name}-${number}`);
    if (!existsSync(folder)) return folder;
  }
}

/** Makes the run's folder: a free one where none was asked for, though others began meanwhile. */
export async function createRun<J extends JobTypes>(
  { name, runName, optionsSchema }: JobDefinition<J>,
  { options: decided, identity, description }: Prepared<J>,
  asked: J["asked"],
): Promise<{ readonly run: RunFolder; readonly config: Config<J["decided"]> }> {
  for (let out = decided.out; ; out = resolve(freeFolder(runName(asked)))) {
    const options = { ...decided, out };
    const config = { job: name, options, identity, description, versions: versions() };
    parseConfig(JSON.parse(JSON.stringify(config)), { path: out, optionsSchema });
    tellLauncher({ directory: out }); // it may have to go on with the run from its first moment on
    try {
      return { run: await RunFolder.create(out, config), config };
    } catch (error) {
      if (asked.out !== undefined || !existsSync(out)) throw error;
    }
  }
}
