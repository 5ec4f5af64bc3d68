// The error that work fails with.
import { expect } from "vitest";

/** The error of work, which must fail; one of this class, where one is given. */
export async function failure<T = Error>(
  work: Promise<unknown>,
  kind?: new (message: string) => T,
): Promise<T> {
  const error = await work.then(
    () => expect.fail("it did not fail"),
    (reason) => reason,
  );
  if (kind) expect(error).toBeInstanceOf(kind);
  return error;
}
