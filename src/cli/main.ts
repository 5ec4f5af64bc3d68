// The command line: names the commands, and ends in one place whatever happens. Heavy code is loaded by
// the commands when they run, so that help and version come at once and need no libtorch.
import { Command, CommanderError } from "commander";
import { ownCommand } from "../../native/remedies.mjs";
import { exitCodes, UsageError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { cannotWrite } from "../systemErrors.ts";
import { escapeInvisible } from "../text.ts";
import { ownVersion } from "../version.ts";
import { attack } from "./commands/attack.ts";
import { check } from "./commands/check.ts";
import { completion } from "./commands/completion.ts";
import { demoPage } from "./commands/demoPage.ts";
import { doctor } from "./commands/doctor.ts";
import { evaluate } from "./commands/evaluate.ts";
import { init } from "./commands/init.ts";
import { inspect } from "./commands/inspect.ts";
import { obfuscate } from "./commands/obfuscate.ts";
import { report } from "./commands/report.ts";
import { resume } from "./commands/resume.ts";
import { demo, setup } from "./commands/setup.ts";
import { train } from "./commands/train.ts";
import { watch } from "./commands/watch.ts";
import { describeExitCodes } from "./exitCodes.ts";
import { reportFailure } from "./failure.ts";

const jobs = { train, obfuscate, attack };
const commands = [
  ...[inspect, check, init, ...Object.values(jobs).map(({ add }) => add), resume(jobs), evaluate],
  ...[report, watch, demoPage, setup, demo, doctor, completion],
];

async function main(): Promise<void> {
  const program = new Command("deepobf")
    .description("Hides a trained CNN's architecture: ONNX in, a plain chain of convolutions out.")
    .version(ownVersion(), "-v, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [COMMAND]", "print the help of a command")
    .configureOutput({ outputError: () => {} })
    .exitOverride()
    .addHelpText("after", epilogue);
  for (const add of commands) add(program);
  if (process.argv.length <= 2) {
    program.outputHelp({ error: true });
    process.exitCode = exitCodes.usage;
    return;
  }
  const words = process.argv.slice(2);
  assertHelpExists(words, program);
  try {
    await program.parseAsync(isHelpOfHelp(words) ? ["help"] : words, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version end this way, too.
    if (error.exitCode !== 0) throw usageError(error, program);
  }
}

/** Throws UsageError for the help of a command that is none; Commander would print everything. */
function assertHelpExists([first, name = "help"]: readonly string[], { commands }: Command): void {
  const known = [...commands.map((command) => command.name()), "help"];
  if (first !== "help" || name.startsWith("-") || known.includes(name)) return;
  const guess = nearest(name, known);
  throw new UsageError(
    `unknown command '${escapeInvisible(name)}'${guess ? `: did you mean ${guess}?` : ""}\nSee: ${ownCommand} --help`,
  );
}

/** Commander takes the second word for a command, which it misses. */
function isHelpOfHelp([first, second]: readonly string[]): boolean {
  return first === "help" && second === "help";
}

/** Commander's complaint in our form. */
function usageError({ message }: CommanderError, { commands }: Command): UsageError {
  const words = message
    .replace(/^error: /, "")
    .replace(/\n\(Did you mean (.*)\?\)$/, ": did you mean $1?");
  const command = commands.find((each) => each.name() === process.argv[2]);
  const name = command ? `${command.name()} ` : "";
  return new UsageError(
    `${command ? explainOption(words, command) : words}\nSee: ${ownCommand} ${name}--help`,
  );
}

/** The complaint on an unknown option with what was most likely meant; Commander guesses among those of its short help. */
function explainOption(words: string, { options }: Command): string {
  const [, given, value] = /^unknown option '(--[^'=]*)(=.*)?'$/s.exec(words) ?? [];
  if (given === undefined) return words;
  const known = options.flatMap(({ long }) => long ?? []);
  if (value !== undefined && known.includes(given)) {
    return `option '${given}' takes no value, received '${value.slice(1)}'`;
  }
  const guess = nearest(given, known);
  return guess ? `${words}: did you mean ${guess}?` : words;
}

const epilogue = `
Each command tells more: deepobf COMMAND --help

Exit codes:
${describeExitCodes()}`;

function fail(error: unknown): void {
  process.exit(reportFailure(error));
}

/** Ends the process after what is still on its way to stdout. */
function end(): void {
  process.stdout.write("", (error) => (error ? failToPrint(error) : process.exit()));
}

function failToPrint(error: NodeJS.ErrnoException): void {
  // Whoever read our output has seen enough, as in `deepobf inspect MODEL | head -3`.
  if (error.code === "EPIPE") process.exit();
  fail(cannotWrite("standard output", error));
}

process.stdout.on("error", failToPrint);
process.stderr.on("error", () => {}); // nobody listens: no reason to stop a long job
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
// What is waited for is gone: Node would end with 0, and without a word.
process.once("beforeExit", () => fail(new Error("nothing is left that could end the command")));

main().then(end, fail);
