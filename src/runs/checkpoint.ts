// Checkpoints of a run. Each is a folder that appears in one rename, with a manifest that carries the
// hash of what lies beside it: the newest whose hash fits is where a run goes on.
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { createDirectoryAtomically, sha256Of, writeFileAtomically } from "../files.ts";
import type { Tensor } from "../torch/index.ts";
import { decodeTensors, encodeTensors } from "./safetensors.ts";

/** How far a stage of training is. */
export interface Position {
  /** Steps that are done. */
  readonly step: number;
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

interface Manifest extends Omit<Checkpoint, "tensors"> {
  readonly format: 1;
  /** Of the rest of the manifest and of the state beside it. */
  readonly sha256: string;
}

const kept = 2;

/** Writes a checkpoint below `directory` and removes all but the newest ones. Throws ResourceError. */
export async function writeCheckpoint(directory: string, checkpoint: Checkpoint): Promise<void> {
  const { tensors, ...position } = checkpoint;
  const state = encodeTensors(tensors);
  const manifest: Manifest = { format: 1, ...position, sha256: hashOf(position, state) };
  const names = await checkpointNames(directory);
  const number = Number(names.at(-1) ?? 0) + 1;
  const path = join(directory, String(number).padStart(6, "0"));
  await createDirectoryAtomically(path, async (temporary) => {
    await writeFileAtomically(join(temporary, "state.safetensors"), state);
    await writeFileAtomically(join(temporary, "manifest.json"), JSON.stringify(manifest));
  });
  for (const old of names.slice(0, -(kept - 1))) {
    await rm(join(directory, old), { recursive: true, force: true });
  }
}

/**
 * The newest valid checkpoint below `directory`, or undefined. Damaged ones and remains of a crash are
 * removed. Throws what keeps a whole file from being read.
 */
export async function readCheckpoint(directory: string): Promise<Checkpoint | undefined> {
  for (const name of (await checkpointNames(directory)).reverse()) {
    const checkpoint = await readOne(join(directory, name));
    if (checkpoint) return checkpoint;
    await rm(join(directory, name), { recursive: true, force: true });
  }
  return undefined;
}

async function readOne(path: string): Promise<Checkpoint | undefined> {
  try {
    const text = await readFile(join(path, "manifest.json"), "utf8");
    const { format, sha256: expected, ...position } = JSON.parse(text) as Manifest;
    const state = await readFile(join(path, "state.safetensors"));
    if (format !== 1 || hashOf(position, state) !== expected) return undefined;
    return { ...position, tensors: decodeTensors(state) };
  } catch (error) {
    const { syscall, code } = error as NodeJS.ErrnoException;
    const isDamaged = syscall === undefined || ["ENOENT", "ENOTDIR", "EISDIR"].includes(code ?? "");
    if (isDamaged) return undefined; // by whatever ended the run: the one before it counts
    throw error;
  }
}

async function checkpointNames(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  const stale = names.filter((name) => name.endsWith(".tmp"));
  await Promise.all(
    stale.map((name) => rm(join(directory, name), { recursive: true, force: true })),
  );
  return names.filter((name) => /^\d{6}$/.test(name)).sort();
}

function hashOf(position: Omit<Checkpoint, "tensors">, state: Uint8Array): string {
  return sha256Of(JSON.stringify(position), state);
}
