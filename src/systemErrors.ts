// What the operating system says of files, in words. Codes: `man 3 errno`.

import { ResourceError } from "./errors.ts";
import { escapeInvisible } from "./text.ts";

/** Codes that tell of used-up or forbidden resources, whatever was tried. */
const resources = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would be too large for the file system",
  EROFS: "the file system is read-only",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EIO: "the disk reports an input/output error",
  ENOMEM: "memory ran out",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
};

const reading = {
  ENOENT: "does not exist",
  ENOTDIR: "is not a folder, or lies in none",
  EISDIR: "is a folder, not a file",
  EACCES: "may not be read (permission denied)",
};

const writing = {
  ...resources,
  ENOSPC: "the disk is full; free some space",
  EDQUOT: "the disk quota is used up; free some space",
  EACCES: "permission denied; choose a folder that you may write to",
  EPERM: "permission denied; choose a folder that you may write to",
  EROFS: "the file system is read-only; choose another folder",
  ENAMETOOLONG: "the name is too long",
  EISDIR: "a folder of that name exists",
  ENOTEMPTY: "a folder of that name exists",
  EEXIST: "a file is in the way, there or where a folder above it should be",
  ENOTDIR: "a part of the path is a file, not a folder",
  ENOENT: "the folder above it does not exist",
};

/** The code of an error of the operating system, such as ENOENT. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

/** What used-up or forbidden resource an error tells of, if it does. */
export function usedUpResource(error: unknown): string | undefined {
  return lookUp(resources, error);
}

/** Why a file could not be read, as the end of a sentence. */
export function whyUnreadable(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const why = () => usedUpResource(error) ?? escapeInvisible(message);
  return lookUp(reading, error) ?? `cannot be read: ${why()}`;
}

/** Whether a file could not be read for what this machine lacks at the moment, whatever the file is. */
export function isShortage(error: unknown): boolean {
  return ["EMFILE", "ENFILE", "ENOMEM"].includes(systemErrorCode(error) ?? "");
}

/** A ResourceError for what keeps a file from being written; other errors as they are. */
export function cannotWrite(path: string, error: unknown): unknown {
  const reason = lookUp(writing, error);
  if (reason === undefined) return error;
  const code = systemErrorCode(error);
  return new ResourceError(`cannot write ${escapeInvisible(path)}: ${reason} (${code})`, {
    cause: error,
  });
}

/** Throws, as the handler of a rejection, what `cannotWrite` makes of it. */
export function throwCannotWrite(path: string): (error: unknown) => never {
  return (error) => {
    throw cannotWrite(path, error);
  };
}

function lookUp(reasons: Readonly<Record<string, string>>, error: unknown): string | undefined {
  const code = systemErrorCode(error);
  return code !== undefined && Object.hasOwn(reasons, code) ? reasons[code] : undefined;
}
