// TensorBoard's event files: records as TFRecord frames them (length, data, masked CRC-32C of both), each a protocol
// buffer of event.proto and summary.proto
// (https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto).
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { cannotWrite } from "../systemErrors.ts";
import type { EpochEvent, JobHooks } from "./events.ts";
import { hasOwnFolder } from "./ownFiles.ts";

/**
 * Hooks that also write each epoch to a new event file below the run's `tensorboard/`. Ahead of the first epoch, and of
 * one that comes again after a setback, stands an event that a session starts: what a run repeats counts once. Throws
 * DataError where something else, such as a link, is in the place of the folder.
 */
export async function keepEvents(hooks: JobHooks, { directory }: { readonly directory: string }) {
  const folder = join(directory, "tensorboard");
  await hasOwnFolder(folder);
  const seconds = Date.now() / 1000;
  const name = `events.out.tfevents.${Math.floor(seconds)}.${hostname()}.${process.pid}`;
  const path = join(folder, name);
  let last: EpochEvent | undefined;
  const onProgress: NonNullable<JobHooks["onProgress"]> = (event) => {
    hooks.onProgress?.(event);
    if (event.type !== "epoch") return;
    const records = scalarsOf(event);
    const comesAgain = event.stage === last?.stage && event.epoch <= last.epoch;
    const version = last ? [] : [versionEvent()];
    const start = !last || comesAgain ? [startEvent(event.epoch)] : [];
    last = event;
    append(path, [...version, ...start, summaryEvent(event.epoch, records)].map(frame));
  };
  return { ...hooks, onProgress };
}

/** Names and values of an epoch, as TensorBoard groups them. */
function scalarsOf({ losses, imagesPerSecond, rate }: EpochEvent): [string, number][] {
  const named = Object.entries(losses).map(([name, value]): [string, number] => [
    name === "loss" ? "loss" : `loss/${name}`,
    value,
  ]);
  return [...named, ["images per second", imagesPerSecond], ["rate", rate]];
}

function append(path: string, records: readonly Uint8Array[]): void {
  try {
    if (!existsSync(dirname(path))) mkdirSync(dirname(path)); // never the run's own folder, which was moved away
    const file = openSync(path, "a");
    try {
      writeFileSync(file, Buffer.concat(records));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

/** The field numbers of event.proto. */
const [wallTime, step, fileVersion, summary, sessionLog] = [1, 2, 3, 5, 7];
const started = 1;

function newEvent(): BinaryWriter {
  return new BinaryWriter().tag(wallTime, WireType.Bit64).double(Date.now() / 1000);
}

function versionEvent(): Uint8Array {
  return newEvent().tag(fileVersion, WireType.LengthDelimited).string("brain.Event:2").finish();
}

function startEvent(epoch: number): Uint8Array {
  const log = new BinaryWriter().tag(1, WireType.Varint).int32(started).finish();
  return newEvent()
    .tag(step, WireType.Varint)
    .int64(epoch)
    .tag(sessionLog, WireType.LengthDelimited)
    .bytes(log)
    .finish();
}

function summaryEvent(epoch: number, scalars: readonly (readonly [string, number])[]): Uint8Array {
  const values = new BinaryWriter();
  for (const [name, value] of scalars) {
    const entry = new BinaryWriter().tag(1, WireType.LengthDelimited).string(name);
    entry.tag(2, WireType.Bit32).float(value);
    values.tag(1, WireType.LengthDelimited).bytes(entry.finish());
  }
  return newEvent()
    .tag(step, WireType.Varint)
    .int64(epoch)
    .tag(summary, WireType.LengthDelimited)
    .bytes(values.finish())
    .finish();
}

/** A record of a TFRecord file (https://www.tensorflow.org/tutorials/load_data/tfrecord). */
function frame(data: Uint8Array): Uint8Array {
  const record = Buffer.alloc(12 + data.length + 4);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(maskedCrc(record.subarray(0, 8)), 8);
  record.set(data, 12);
  record.writeUInt32LE(maskedCrc(data), 12 + data.length);
  return record;
}

function maskedCrc(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** CRC-32C (Castagnoli; RFC 3720, appendix B.4 has test values). */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}
