// Completions, as bash itself makes them of the script, and what the other shells' scripts hold.
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { workshop } from "../workshop.ts";
import { deepobf } from "./deepobf.ts";

const file = workshop();

async function script(shell: string): Promise<string> {
  const { code, stdout } = await deepobf(["completion", shell]);
  expect(code).toBe(0);
  return stdout;
}

test("bash completes commands, options, and the words that an option may be", async () => {
  const path = file("deepobf.bash", Buffer.from(await script("bash")));
  const complete = (...words: readonly string[]) => {
    const list = words.map((word) => `'${word}'`).join(" ");
    const program = `source '${path}'; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _deepobf; echo "\${COMPREPLY[*]}"`;
    const { stdout, stderr } = spawnSync("bash", ["--norc", "-c", program], { encoding: "utf8" });
    expect(stderr).toBe("");
    return stdout.trim().split(" ").filter(Boolean);
  };
  expect(complete("deepobf", "in")).toEqual(["inspect", "init"]);
  expect(complete("deepobf", "obfuscate", "--max-")).toEqual(
    expect.arrayContaining(["--max-macs", "--max-latency-ratio", "--max-accuracy-drop"]),
  );
  expect(complete("deepobf", "doctor", "--me")).toEqual([]);
  expect(complete("deepobf", "obfuscate", "m.onnx", "--simulation", "")).toEqual([
    "direct",
    "recursive",
  ]);
  expect(complete("deepobf", "completion", "z")).toEqual(["zsh"]);
  expect(complete("deepobf", "help", "tr")).toEqual(["train"]);
  expect(complete("deepobf", "train", "dense")).toEqual(["densenet", "densenet100"]);
  expect(complete("deepobf", "inspect", "")).toEqual([]);
  expect(complete("deepobf", "train", "--out", "r")).toEqual([]);
  expect(complete("deepobf", "train", "--flip", "dense")).toEqual(["densenet", "densenet100"]);
});

test("zsh and fish are told the same", async () => {
  const [zsh, fish] = [await script("zsh"), await script("fish")];
  expect(zsh).toMatch(/^#compdef deepobf/);
  expect(zsh).toContain("'--simulation[direct, or recursive\\: parts of the chain");
  expect(zsh).toContain("]:NAME:(direct recursive)'");
  expect(fish).toContain("complete -c deepobf -f -n __fish_use_subcommand -a obfuscate -d");
  expect(fish).toContain(
    "-n '__fish_seen_subcommand_from obfuscate' -l simulation -x -a 'direct recursive'",
  );
  expect(fish).toContain("-l config -r");
});

test("another shell is refused", async () => {
  const { code, stderr } = await deepobf(["completion", "tcsh"]);
  expect(code).toBe(2);
  expect(stderr).toContain('SHELL: expected one of bash, zsh, fish, received "tcsh"');
});
