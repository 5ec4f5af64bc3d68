// The peer: Python's PyTorch on the same libtorch as the addon.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readStamp } from "../native/stamp.mjs";
import { UsageError } from "../src/errors.ts";
import { libtorchVersion } from "../src/torch/index.ts";

/** This file is compiled to build/bench/bench/, the peers stay where they are. */
const peers = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "bench", "peer");

/** The script of a peer. */
export function peerScript(name: string): string {
  return join(peers, `${name}.py`);
}

/**
 * A Python whose torch is the addon's version: the given one, else that of the libtorch in use, else
 * `python3`. Throws UsageError that lists what was tried.
 */
export function findPython(given: string | undefined): string {
  const wanted = libtorchVersion();
  const environment = join(readStamp()?.libtorch.directory ?? "/", "../../../../bin/python");
  const candidates = given ? [given] : [environment, "python3", "/usr/bin/python3"];
  const tried: string[] = [];
  for (const python of candidates) {
    const script = "import torch; print(torch.__version__)";
    const { stdout, stderr, error } = spawnSync(python, ["-c", script], { encoding: "utf8" });
    const version = stdout?.trim();
    if (version?.startsWith(wanted)) return python;
    const reason = error?.message ?? (version || stderr.trim().split("\n").at(-1));
    tried.push(`  ${python}: ${reason}`);
  }
  throw new UsageError(
    `no Python with torch ${wanted}, the libtorch that the addon is built for. Tried:\n${tried.join("\n")}\n` +
      "Possible solution: --python PATH",
  );
}
