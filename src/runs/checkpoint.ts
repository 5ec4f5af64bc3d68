// Checkpoints of a run. Each is a folder that appears in one rename, with a manifest that carries the
// hash of what lies beside it: the newest whose hash fits is where a run goes on.
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { DataError, ResourceError } from "../errors.ts";
import { createDirectoryAtomically, sha256Of, writeFileAtomically } from "../files.ts";
import { elementCount, elementSize } from "../graph/graph.ts";
import { parseJson } from "../json.ts";
import { count, parseAs, sha256Text } from "../schema.ts";
import { throwCannotWrite } from "../systemErrors.ts";
import { escapeInvisible } from "../text.ts";
import type { Tensor } from "../torch/index.ts";
import { hasOwnFolder, readOwn } from "./ownFiles.ts";
import { decodeTensors, encodeTensors } from "./safetensors.ts";

/** How far a stage of training is. */
export interface Position {
  /** Steps that are done. */
  readonly step: number;
  /** How often the learning rate was halved, since a loss was no number. */
  readonly halvings: number;
  /** Sums of the losses of the current epoch's steps, so that its log line comes out the same. */
  readonly epochLosses: Readonly<Record<string, number>>;
}

/** Where a run stood: how far it was, and everything that the next step depends on. */
export interface Checkpoint extends Position {
  /** Number of the stage of training, from 0. */
  readonly stageIndex: number;
  /** SHA-256 of the run's config.json. */
  readonly configuration: string;
  /** Length of the metrics file. */
  readonly metricsLength: number;
  /** Time spent until here. */
  readonly seconds: number;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** What manifest.json holds; `sha256` is that of the rest of it and of the state beside it. */
const manifest = z.strictObject({
  format: z.literal(2),
  step: count,
  halvings: count,
  epochLosses: z.record(z.string(), z.number()),
  stageIndex: count,
  configuration: sha256Text,
  metricsLength: count,
  seconds: z.number().min(0),
  sha256: sha256Text,
});

const kept = 2;
const suffixOfReturnPoints = "-return";
const [mostManifestBytes, mostStateBytes] = [2 ** 20, 2 ** 31 - 1];
/** The names and shapes that a state holds, too, take less than the rest. */
const mostTensorBytes = mostStateBytes - 2 ** 24;

/**
 * Writes a checkpoint below `directory` and removes all but the newest ones and the newest return point. The folder
 * above must be there: that of a run which was moved away is not made anew. Throws ResourceError.
 */
export async function writeCheckpoint(
  directory: string,
  checkpoint: Checkpoint,
  { isReturnPoint = false }: { isReturnPoint?: boolean } = {},
): Promise<void> {
  const { tensors, ...position } = checkpoint;
  assertReadable(tensors);
  const state = encodeTensors(tensors);
  const facts = { format: 2, ...position, sha256: hashOf(position, state) };
  if (!(await hasOwnFolder(directory))) await makeFolder(directory);
  const names = await checkpointNames(directory);
  const number = Number.parseInt(names.at(-1) ?? "0", 10) + 1;
  const name = String(number).padStart(6, "0") + (isReturnPoint ? suffixOfReturnPoints : "");
  await createDirectoryAtomically(join(directory, name), async (temporary) => {
    await writeFileAtomically(join(temporary, "state.safetensors"), state);
    await writeFileAtomically(join(temporary, "manifest.json"), JSON.stringify(facts));
  });
  names.push(name);
  const needed = [...names.slice(-kept), names.filter(isOfReturn).at(-1)];
  for (const old of names.filter((each) => !needed.includes(each))) {
    await rm(join(directory, old), { recursive: true, force: true });
  }
}

/** Throws ResourceError where a checkpoint could not be read again. */
function assertReadable(tensors: Checkpoint["tensors"]): void {
  const sizes = [...tensors.values()].map(
    ({ shape, dtype }) => elementCount(shape) * elementSize[dtype],
  );
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  if (bytes <= mostTensorBytes) return;
  throw new ResourceError(
    `the weights and the optimizer's state take ${(bytes / 2 ** 30).toFixed(1)} GiB, and a checkpoint holds less than 2: train a smaller network`,
  );
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path).catch(throwCannotWrite(path));
}

/**
 * The newest valid checkpoint below `directory` that needs no more bytes of metrics than there are; where all need
 * more, the newest of them, and undefined where there is none. Damaged ones, those newer than what is given and
 * remains of a crash are removed. Throws what keeps a whole file from being read, and DataError where it holds what
 * no run writes.
 */
export async function readCheckpoint(
  directory: string,
  metricsLength = Number.POSITIVE_INFINITY,
): Promise<Checkpoint | undefined> {
  const remove = (name: string) => rm(join(directory, name), { recursive: true, force: true });
  const ahead = new Map<string, Checkpoint>();
  for (const name of (await checkpointNames(directory)).reverse()) {
    const checkpoint = await readOne(join(directory, name));
    if (!checkpoint) await remove(name);
    else if (checkpoint.metricsLength > metricsLength || isFirstOf(checkpoint, ahead)) {
      ahead.set(name, checkpoint);
    } else {
      for (const newer of ahead.keys()) await remove(newer);
      return checkpoint;
    }
  }
  return ahead.values().next().value;
}

/** Whether a checkpoint is of a run's begin, which any metrics reach: it tells nothing of those that are missing. */
function isFirstOf({ metricsLength }: Checkpoint, newer: ReadonlyMap<string, unknown>): boolean {
  return metricsLength === 0 && newer.size > 0;
}

/** Removes what is newer than the newest return point, where there is one. */
export async function backToReturnPoint(directory: string): Promise<void> {
  const names = await checkpointNames(directory);
  const newer = names.slice(names.findLastIndex(isOfReturn) + 1);
  if (newer.length === names.length) return;
  for (const name of newer.reverse()) await rm(join(directory, name), { recursive: true });
}

/** Undefined where the checkpoint is damaged by whatever ended the run: then the one before it counts. */
async function readOne(path: string): Promise<Checkpoint | undefined> {
  const text = await readOwn(join(path, "manifest.json"), mostManifestBytes);
  const state = text && (await readOwn(join(path, "state.safetensors"), mostStateBytes));
  const found = text && parseJson(text.toString("utf8"));
  if (!state || typeof found !== "object" || found === null) return undefined;
  const { format: _, sha256: expected, ...facts } = found as Readonly<Record<string, unknown>>;
  if (hashOf(facts, state) !== expected) return undefined;
  const refuse = (problem: string) =>
    new DataError(`${escapeInvisible(path)} is no checkpoint of this version: ${problem}`);
  const { format: __, sha256: ___, ...position } = parseAs(manifest, found, refuse);
  try {
    return { ...position, tensors: decodeTensors(state) };
  } catch (error) {
    throw error instanceof RangeError ? refuse(error.message) : error;
  }
}

/** Throws DataError where a checkpoint is of a stage that a job with so many has not. */
export function assertStage(checkpoint: Checkpoint | undefined, stages: number): void {
  if (!checkpoint || checkpoint.stageIndex < stages) return;
  throw new DataError(
    `the checkpoint is of stage ${checkpoint.stageIndex + 1} of ${stages}: no training comes there. Begin a new run`,
  );
}

/** The checkpoints below a folder by name, the newest last. Remains of a crash are removed. */
export async function checkpointNames(directory: string): Promise<string[]> {
  if (!(await hasOwnFolder(directory))) return [];
  const names = await readdir(directory);
  const numbered = names.filter((name) => /^\d{6}(-return)?$/.test(name)).sort();
  for (const name of numbered) await hasOwnFolder(join(directory, name));
  const stale = names.filter((name) => name.endsWith(".tmp"));
  await Promise.all(
    stale.map((name) => rm(join(directory, name), { recursive: true, force: true })),
  );
  return numbered;
}

function isOfReturn(name: string): boolean {
  return name.endsWith(suffixOfReturnPoints);
}

function hashOf(position: object, state: Uint8Array): string {
  return sha256Of(JSON.stringify(position), state);
}
