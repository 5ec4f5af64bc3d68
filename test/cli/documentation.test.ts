// docs/ against the commands themselves: an option that is not documented, or no longer exists, fails here.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { exitCodes } from "../../src/errors.ts";
import { architectures } from "../../src/models/index.ts";
import { deepobf, root } from "./deepobf.ts";

const document = readFileSync(join(root, "docs", "command-line.md"), "utf8");
const sections = new Map(
  document.split(/^## /m).map((text) => [text.slice(0, text.indexOf("\n")), text] as const),
);
const commands = [
  ...["inspect", "check", "init", "train", "obfuscate", "attack", "resume", "evaluate", "report"],
  ...["watch", "demo-page", "setup", "demo", "doctor", "completion"],
];

function optionsIn(text: string): Set<string> {
  return new Set(text.match(/--[a-z][a-z-]*/g));
}

/** Options of the table of common options whose row names the command. */
function commonOptionsOf(command: string): string[] {
  const rows = sections
    .get("Common options")
    ?.split("\n")
    .filter((line) => line.startsWith("| `"));
  return (rows ?? []).flatMap((row) => {
    const [, options = "", who = ""] = row.split("|");
    const but = /all but (.*)/.exec(who)?.[1]?.includes(command);
    const takesIt = who.includes("all") ? !but : who.includes(command);
    return takesIt ? [...optionsIn(options)] : [];
  });
}

describe("docs/command-line.md", () => {
  test.each(commands)("%s: its options are those of --help-all", async (command) => {
    const { code, stdout } = await deepobf([command, "--help-all"]);
    expect(code).toBe(0);
    const usage = stdout.slice(0, stdout.indexOf("Example:"));
    const declared =
      usage
        .match(/^ {2}(-h, )?--[a-z][a-z-]*/gm)
        ?.map((option) => option.replace("-h, ", "").trim()) ?? [];
    expect(declared).toContain("--help");
    const rows = sections
      .get(command)
      ?.split("\n")
      .filter((line) => line.startsWith("| `--"))
      .map((row) => row.split("|")[1] ?? "");
    const documented = [...optionsIn((rows ?? []).join()), ...commonOptionsOf(command)];
    expect(new Set(documented)).toEqual(
      new Set(declared.filter((name) => !name.startsWith("--help"))),
    );
  });

  test("names every architecture", () => {
    for (const name of Object.keys(architectures)) expect(document).toContain(`\`${name}\``);
  });
});

test("docs/exit-codes.md names every exit code", () => {
  const text = readFileSync(join(root, "docs", "exit-codes.md"), "utf8");
  const codes = [...text.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
  expect(codes).toEqual(Object.values(exitCodes));
});
