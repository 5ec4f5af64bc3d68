// A run's folder as all workers see it: the first one writes it, and what it reads there all get.
import type { Checkpoint, RunFolder } from "../runs/index.ts";
import type { Group } from "./group.ts";

/** What a job does with the folder of its run. */
export type Run = Pick<
  RunFolder,
  "directory" | "files" | "checkpointSeconds" | "saveCheckpoint" | "goBack" | "modelSha256"
> & { readonly metrics: Pick<RunFolder["metrics"], "append" | "lines"> };

/** What all workers know of a run, as JSON holds it. */
export type RunLocation = Pick<RunFolder, "directory" | "files">;

/** The run of a group, of which the first worker alone has the folder. */
export function sharedRun(location: RunLocation, folder: RunFolder | undefined, group: Group): Run {
  if (folder && group.size === 1) return folder;
  const { directory, files } = location;
  return {
    directory,
    files,
    // By clocks of their own the others would want checkpoints between the first worker's.
    checkpointSeconds: folder?.checkpointSeconds ?? Number.POSITIVE_INFINITY,
    saveCheckpoint: async (...state) => folder?.saveCheckpoint(...state),
    goBack: async () => shareCheckpoint(await folder?.goBack(), group),
    modelSha256: () => group.share(async () => folder?.modelSha256()),
    metrics: {
      append: async (record) => folder?.metrics.append(record),
      lines: () => group.share(async () => (await folder?.metrics.lines()) ?? []),
    },
  };
}

/** The first worker's checkpoint, for all of a group. */
export async function shareCheckpoint(
  checkpoint: Checkpoint | undefined,
  group: Group,
): Promise<Checkpoint | undefined> {
  if (group.size === 1) return checkpoint;
  const position = await group.share(() => checkpoint && { ...checkpoint, tensors: undefined });
  const tensors = await group.shareTensors(checkpoint?.tensors);
  return position && tensors && { ...position, tensors };
}
