// What a run begins with must be the same when it goes on: else its file would be another.
import { DataError, ModelError, UsageError } from "../errors.ts";
import { addonVersion, libtorchVersion } from "../torch/index.ts";
import { ownVersion } from "../version.ts";
import type { Config } from "./configuration.ts";
import type { Identity } from "./definition.ts";

/** The versions of what computes here. */
export function versions(): Record<string, string> {
  return {
    deepobf: ownVersion(),
    node: process.versions.node,
    libtorch: libtorchVersion(),
    addon: addonVersion(),
  };
}

/** Throws ModelError, DataError or UsageError where something is not what the run began with. */
export function assertSame(
  identity: Identity,
  before: Pick<Config<unknown>, "identity" | "versions">,
): void {
  const complain = (what: string, expected: string | undefined, found: string | undefined) =>
    `${what} is not the one that this run began with: expected ${expected ?? "none"}, found ${found ?? "none"}`;
  const was = before.identity;
  if (identity.model !== was.model) {
    throw new ModelError(
      complain("the model (SHA-256, external data included)", was.model, identity.model),
    );
  }
  if (identity.data !== was.data) {
    throw new DataError(complain("the data set (SHA-256)", was.data, identity.data));
  }
  const now = versions();
  for (const part of ["deepobf", "libtorch", "addon"] as const) {
    if (now[part] === before.versions[part]) continue;
    throw new UsageError(
      `${complain(part, before.versions[part], now[part])}, which could give another file`,
    );
  }
}
