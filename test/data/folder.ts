// A folder for the files of one test file.

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect } from "vitest";
import { DataError } from "../../src/errors.ts";

/** Makes numbered folders that are removed after the tests of this file. */
export function temporaryFolders(): (
  files?: Record<string, Uint8Array | string>,
) => Promise<string> {
  const made: string[] = [];
  afterAll(() => Promise.all(made.map((folder) => rm(folder, { recursive: true }))));
  return async (files = {}) => {
    const folder = await mkdtemp(join(tmpdir(), "deepobf-data-"));
    made.push(folder);
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), content);
    }
    return folder;
  };
}

/** Message of the DataError that `loading` must end with. */
export async function dataError(loading: Promise<unknown>): Promise<string> {
  const error = await loading.then(
    () => undefined,
    (failure) => failure,
  );
  expect(error).toBeInstanceOf(DataError);
  return error.message;
}
