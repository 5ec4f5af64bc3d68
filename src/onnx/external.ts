// Tensors whose data lie in files beside the model (https://onnx.ai/onnx/repo-docs/ExternalData.html). A model may
// come from a stranger, so only plain files below the model's own folder are opened: no link leads out of it, no
// device or pipe is touched (https://onnx.ai/onnx/repo-docs/Security.html), and no byte is handed out twice.

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  type Stats,
} from "node:fs";
import { join, resolve, sep } from "node:path";
import { ModelError } from "../errors.ts";
import { gitLfsPointer } from "../files.ts";
import { counted } from "../text.ts";
import type { StringStringEntryProto } from "./generated/onnx_pb.ts";
import { limits } from "./limits.ts";
import { quote } from "./problems.ts";

interface Reference {
  readonly location: string;
  readonly offset: number;
  readonly size: number;
}

type Fail = (problem: string) => never;

/** Reads external data below one folder. */
export class ExternalData {
  readonly #directory: string | undefined;
  /** By file: what was read from it, by offset and size, and how many bytes that is. */
  readonly #files = new Map<string, { ranges: Map<string, Uint8Array>; total: number }>();
  #total = 0;

  /** What has been read so far, in an order that depends on the files alone. */
  get ranges(): readonly Uint8Array[] {
    const compare = (a: string, b: string) => (a < b ? -1 : 1);
    const files = [...this.#files].sort(([a], [b]) => compare(a, b));
    return files.flatMap(([, { ranges }]) =>
      [...ranges].sort(([a], [b]) => compare(a, b)).map(([, data]) => data),
    );
  }

  /** @param directory the model's folder; undefined where external data are refused */
  constructor(directory: string | undefined) {
    this.#directory = directory;
  }

  /**
   * The `size` bytes that a tensor's external_data entries point at.
   * @param label the tensor, for messages
   * @throws ModelError where the entries are malformed, the file is missing, too short, or not to be trusted
   */
  read(entries: readonly StringStringEntryProto[], size: number, label: string): Uint8Array {
    const reference = parseEntries(entries, size, label);
    if (this.#directory === undefined)
      throw new ModelError(`${label} has its values in another file; give the model as a file`);
    if (this.#directory === "")
      throw new ModelError(`${label} has its values in another file, but the model has no folder`);
    const fail: Fail = (problem) => {
      throw new ModelError(`${label}: external data ${quote(reference.location)} ${problem}`);
    };
    const path = locate(this.#directory, reference.location, fail);
    const file = this.#files.get(path) ?? { ranges: new Map<string, Uint8Array>(), total: 0 };
    this.#files.set(path, file);
    const range = `${reference.offset}+${size}`;
    const known = file.ranges.get(range);
    if (known !== undefined) return known;
    this.#total += size;
    file.total += size;
    if (this.#total > limits.externalBytes)
      fail(`brings the external data above ${limits.externalBytes} bytes`);
    const data = readRange(path, reference, { alreadyRead: file.total - size, fail });
    file.ranges.set(range, data);
    return data;
  }
}

function parseEntries(
  entries: readonly StringStringEntryProto[],
  size: number,
  label: string,
): Reference {
  const values = new Map<string, string>();
  for (const { key, value } of entries) {
    if (values.has(key)) throw new ModelError(`${label}: external_data has ${quote(key)} twice`);
    values.set(key, value);
  }
  const number = (key: string): number | undefined => {
    const text = values.get(key);
    if (text === undefined) return undefined;
    if (!/^\d{1,15}$/.test(text))
      throw new ModelError(`${label}: external_data has the ${key} ${quote(text)}, not a size`);
    return Number(text);
  };
  const length = number("length");
  if (length !== undefined && length !== size)
    throw new ModelError(
      `${label}: external_data has ${counted(length, "byte")}, but the tensor needs ${size}`,
    );
  return { location: values.get("location") ?? "", offset: number("offset") ?? 0, size };
}

/** Full path of a location below `directory`, once it is certain that nothing leads out of it. */
function locate(directory: string, location: string, fail: Fail): string {
  if (location === "") fail("has no location");
  if (location.includes("\0")) fail("has a NUL character in its path");
  if (location.includes("\\") || /^[A-Za-z]:/.test(location))
    fail("has a Windows path; a relative path with forward slashes was expected");
  if (location.startsWith("/"))
    fail("is an absolute path; only files below the model's folder are read");
  if (location.split("/").includes("..")) fail("leads out of the model's folder");
  let base: string;
  let real: string;
  try {
    base = realpathSync(resolve(directory));
    real = realpathSync(join(base, location));
  } catch (error) {
    return fail(`cannot be found (${(error as NodeJS.ErrnoException).code})`);
  }
  const expected = join(base, location).replace(/\/+$/, "");
  if (real !== expected || !real.startsWith(base.endsWith(sep) ? base : base + sep))
    fail("is a symbolic link or lies behind one; copy the file into the model's folder");
  return real;
}

function readRange(
  path: string,
  { offset, size }: Reference,
  { alreadyRead, fail }: { alreadyRead: number; fail: Fail },
): Uint8Array {
  let file: number | undefined;
  try {
    // Before opening: to open a pipe or a device can have effects of its own.
    checkPlainFile(lstatSync(path), fail);
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(file);
    checkPlainFile(stat, fail);
    const head = Buffer.alloc(gitLfsPointer.text.length);
    readSync(file, head, 0, head.length, 0);
    if (head.toString("latin1") === gitLfsPointer.text) fail(`is ${gitLfsPointer.is}`);
    if (offset + size > stat.size)
      fail(`has ${counted(stat.size, "byte")}, but ${size} from byte ${offset} on are needed`);
    if (alreadyRead + size > stat.size) fail("is used by tensors that overlap");
    const data = new Uint8Array(size);
    let filled = 0;
    while (filled < size) {
      const count = readSync(file, data, filled, size - filled, offset + filled);
      if (count === 0) fail("became shorter while it was read");
      filled += count;
    }
    return data;
  } catch (error) {
    if (error instanceof Error && "code" in error) return fail(`cannot be read (${error.code})`);
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function checkPlainFile(stat: Stats, fail: Fail): void {
  if (!stat.isFile()) fail("is not a regular file");
  if (stat.nlink > 1) fail("has more than one hard link; copy the file");
}
