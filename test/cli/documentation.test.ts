// docs/ against the commands themselves: an option that is not documented, or no longer exists, fails here.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { exitCodes } from "../../src/errors.ts";
import { architectures } from "../../src/models/index.ts";
import { deepobf, root } from "./deepobf.ts";

const document = readFileSync(join(root, "docs", "command-line.md"), "utf8");
const sections = new Map(
  document.split(/^## /m).map((text) => [text.slice(0, text.indexOf("\n")), text] as const),
);
const commands = ["inspect", "check", "train", "obfuscate", "resume", "evaluate", "doctor"];

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
    const declared = usage.match(/^ {2}--[a-z][a-z-]*/gm)?.map((option) => option.trim()) ?? [];
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

test("examples/README.md names every model, its accuracy and the command that trained it", () => {
  const folder = join(root, "examples");
  const text = readFileSync(join(folder, "README.md"), "utf8");
  const models = readdirSync(folder).filter((name) => name.endsWith(".onnx"));
  expect(models.length).toBeGreaterThan(0);
  for (const model of models) {
    const record = readFileSync(join(folder, model.replace(".onnx", ".json")), "utf8");
    const { command, architecture, accuracy } = JSON.parse(record);
    const percent = (100 * accuracy).toFixed(2);
    expect(text).toContain(`| [${model}](${model}) | ${architecture} | ${percent} % |`);
    expect(text).toContain(`# ${model}\n${command}\n`);
  }
});

test("links between the documents lead to files", () => {
  for (const name of [
    ...["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"],
    ...["docs/command-line.md", "docs/recipe.md", "examples/README.md"],
  ]) {
    const text = readFileSync(join(root, name), "utf8");
    for (const [, target = ""] of text.matchAll(/\]\((?!https?:)([^)#]+)/g))
      expect(existsSync(join(root, name, "..", target)), `${name}: ${target}`).toBe(true);
  }
});
