// The commands that messages name, as they work where they are printed.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { renameOptions } from "../../src/library/words.ts";
import { root } from "../cli/deepobf.ts";
import { workshop } from "../workshop.ts";

const file = workshop();

/** What messages call the commands of a clone where they are printed in this folder. */
function remedies(folder: string, { clone = root, before = "" } = {}): Record<string, string> {
  const url = pathToFileURL(join(clone, "native", "remedies.mjs")).href;
  const script = `const remedies = await import(${JSON.stringify(url)});
    console.log(JSON.stringify({ ...remedies, package: remedies.packageCommand("sharp") }));`;
  const told = file("tell.mjs", script);
  const { stdout } = spawnSync(
    "/bin/sh",
    ["-c", `${before} exec "$0" "$1"`, process.execPath, told],
    {
      cwd: folder,
      encoding: "utf8",
    },
  );
  return JSON.parse(stdout);
}

function inShell(command: string | undefined, folder: string) {
  return spawnSync("/bin/sh", ["-c", String(command)], { cwd: folder, encoding: "utf8" });
}

/** A clone whose commands tell that they ran. */
function clone(name: string): string {
  const folder = file(name);
  for (const part of ["native", "src", "bin"]) mkdirSync(join(folder, part), { recursive: true });
  cpSync(join(root, "native", "remedies.mjs"), join(folder, "native", "remedies.mjs"));
  writeFileSync(join(folder, "bin", "deepobf.js"), "console.log(process.argv.slice(2).join());");
  const manifest = { scripts: { setup: "echo setting up" }, dependencies: { sharp: "1.2.3" } };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  return folder;
}

test("are short in the clone's own folder", () => {
  expect(remedies(root)).toMatchObject({
    ownCommand: "node bin/deepobf.js",
    setupCommand: "npm run setup",
    rebuildCommand: "npm run build:native",
    demoCommand: "npm run demo -- FOLDER",
    package: expect.stringMatching(/^npm install --ignore-scripts sharp@/),
  });
});

test.each(["plain", "it's a clone"])("work from other folders: %s", (name) => {
  const home = clone(name);
  const above = dirname(home);
  for (const folder of [above, join(home, "src"), file()]) {
    mkdirSync(folder, { recursive: true });
    const { ownCommand, setupCommand, ...others } = remedies(folder, { clone: home });
    expect(inShell(`${ownCommand} doctor`, folder).stdout).toBe("doctor\n");
    expect(inShell(setupCommand, folder).stdout).toContain("setting up");
    expect(others.package).toMatch(/^npm --prefix .* install --ignore-scripts sharp@1\.2\.3$/);
    const told = `--data: wrong. See: ${ownCommand} train --help`;
    expect(renameOptions(told)).toBe(`data: wrong. See: ${ownCommand} train --help`);
  }
  const { ownCommand } = remedies(above, { clone: home });
  expect(ownCommand).not.toContain(above);
  expect(relative(above, home)).toBe(name);
});

test("are those of the folder where npm was called to run a script of the clone", () => {
  const home = clone("scripted");
  const before = `INIT_CWD='${dirname(home)}'; export INIT_CWD;`;
  expect(remedies(home, { clone: home, before }).ownCommand).toBe("node scripted/bin/deepobf.js");
  expect(remedies(join(home, "src"), { clone: home, before }).ownCommand).toBe(
    `node ${join(home, "bin", "deepobf.js")}`,
  );
});

test("are absolute where the working folder was deleted", () => {
  const folder = file();
  mkdirSync(folder);
  const { ownCommand } = remedies(folder, { before: 'rmdir "$PWD";' });
  expect(ownCommand).toBe(`node ${join(root, "bin", "deepobf.js")}`);
});
