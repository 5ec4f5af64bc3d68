// Where the scripts are, and the commands of set-up: quiet while they work, their last lines when they fail.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the repository, or of the installed package. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * The environment of a program whose words are looked through. In other locales, C.UTF-8 too, LANGUAGE has them
 * translated.
 * @type {NodeJS.ProcessEnv}
 */
export const inEnglish = { ...process.env, LC_ALL: "C" };

/** Exit code of a missing or failing tool (docs/exit-codes.md: resources). */
const resources = 5;

/**
 * Runs a command to its end; where it fails, ends the script with one message.
 * @param {string} what the step, in words, for the message
 * @param {readonly string[]} command
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 */
export function run(what, command, options = {}) {
  const result = attempt(command, options);
  if (!result.ok) fail(`${what} failed: ${command.join(" ")}\n${lastLines(result.output)}`);
  return result.output;
}

/**
 * @param {readonly string[]} command
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 */
export function attempt([program = "", ...parameters], options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, parameters, {
    ...options,
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return { ok: status === 0, output: error ? error.message : `${stdout}${stderr}` };
}

/**
 * Ends the script where nothing can be made in a folder, which need not be there yet.
 * @param {string} directory
 */
export function requireWritable(directory) {
  if (!existsSync(directory)) return requireWritable(dirname(directory));
  try {
    accessSync(directory, constants.W_OK);
  } catch {
    fail(`${directory} is not writable. Set up as the user who installed it.`);
  }
}

/**
 * @param {string} output
 * @param {number} [count]
 */
export function lastLines(output, count = 20) {
  const lines = output.trimEnd().split("\n").slice(-count);
  return lines.map((line) => `  ${line}`).join("\n");
}

/**
 * @param {string} message
 * @returns {never}
 */
export function fail(message) {
  console.error(message);
  process.exit(resources);
}
