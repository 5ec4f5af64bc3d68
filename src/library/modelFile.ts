// Models that a caller of the library has as bytes: jobs read files, so that ONNX Runtime and a later start find them.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { GateError } from "../errors.ts";
import { writeFileAtomically } from "../files.ts";
import { throwCannotWrite } from "../systemErrors.ts";

/** The path of an ONNX file, or what such a file holds. */
export type ModelSource = string | Uint8Array;

/** The same options with a model that may be bytes. */
export type WithModelSource<T> = Omit<T, "model"> & { readonly model: ModelSource };

/** How the folders begin that models are written to. */
const prefix = join(tmpdir(), "deepobf-model-");
const fileName = "model.onnx";
/** Says that the folder was made here, and holds nothing else. */
const mark = "made-for-a-run";

/**
 * Does work with a model as a file. Bytes are written to a temporary one, which stays where the work failed after it
 * called `keep`: what is resumed later reads it again. A missed gate is no failure, the work is done. Throws ResourceError
 * where the file cannot be written.
 */
export async function withModelFile<O extends { readonly model: ModelSource }, T>(
  options: O,
  work: (options: Omit<O, "model"> & { readonly model: string }, keep: () => void) => Promise<T>,
): Promise<T> {
  const { model } = options;
  let isNeeded = false;
  const keep = () => {
    isNeeded = true;
  };
  if (typeof model === "string") return work({ ...options, model }, keep);
  const folder = await mkdtemp(prefix).catch(throwCannotWrite(prefix));
  const written = { ...options, model: join(folder, fileName) };
  try {
    await writeFileAtomically(written.model, model);
    await writeFileAtomically(join(folder, mark), "");
    return await goingOn(written, () => work(written, keep));
  } finally {
    if (!isNeeded) await rm(folder, { recursive: true, force: true });
  }
}

/** Goes on with the run that has these options. Where bytes were written for it, their file goes once the run is done. */
export async function goingOn<T>(options: object, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work();
    await removeKept(options);
    return result;
  } catch (error) {
    if (error instanceof GateError) await removeKept(options);
    throw error;
  }
}

async function removeKept(options: { readonly model?: unknown }): Promise<void> {
  const { model } = options;
  if (typeof model !== "string") return;
  const folder = dirname(model);
  if (!folder.startsWith(prefix) || dirname(folder) !== dirname(prefix)) return;
  const names = await readdir(folder).catch(() => []);
  if (names.toSorted().join("/") !== `${mark}/${fileName}`) return;
  // The run is done, whoever may remove the folder.
  await rm(folder, { recursive: true }).catch(() => {});
}
