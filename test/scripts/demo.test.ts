// The demo's script, as a terminal stops it: the signal reaches every process of the group.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../cli/deepobf.ts";
import { idxFiles } from "../cli/fixtures.ts";
import { workshop } from "../workshop.ts";

const file = workshop();
for (const [name, content] of Object.entries(idxFiles())) file(`idx/${name}`, content);

test("Ctrl-C ends it after its job, with the job's code", async () => {
  const cwd = file("here");
  mkdirSync(cwd);
  const command = [join(root, "scripts", "demo.mjs"), file("idx")];
  const demo = spawn(process.execPath, command, { cwd, detached: true, stdio: "pipe" });
  await once(demo.stderr.setEncoding("utf8"), "data"); // the command line of its job
  await once(demo.stderr, "data"); // the job is at work, and would end with 4: these are no clothes
  process.kill(-demo.pid!, "SIGINT");
  expect(await once(demo, "close")).toEqual([130, null]);
});

test.each([
  [
    "no name server",
    'new Error("getaddrinfo ENOTFOUND github.com")',
    "getaddrinfo ENOTFOUND github.com",
  ],
  [
    "several addresses",
    'Object.assign(new AggregateError([]), { code: "ECONNREFUSED" })',
    "ECONNREFUSED",
  ],
])("a download that fails tells why: %s", (_, cause, reason) => {
  for (const name of ["native", "scripts"])
    cpSync(join(root, name), file(`copy/${name}`), { recursive: true });
  const body = `import fs from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    fs.existsSync = () => false;
    syncBuiltinESMExports();
    globalThis.fetch = async () => { throw new TypeError("fetch failed", { cause: ${cause} }); };
    const { findFashionMnist } = await import(${JSON.stringify(file("copy/scripts/fashion-mnist.mjs"))});
    await findFashionMnist();`;
  const command = ["--input-type=module", "-e", body];
  const { status, stderr } = spawnSync(process.execPath, command, { encoding: "utf8" });
  expect(status).toBe(5);
  expect(stderr).toContain(`could not be downloaded: fetch failed (${reason})\n`);
});
