// What takes longer than CI allows: each goal of docs/reliability.md at its full number. `npm run test:nightly` runs
// all, `npm run test:nightly -- R2 R9` some. What came out is the last line of its goal in records/nightly.jsonl.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./process.mjs";

/**
 * @typedef {object} Goal
 * @property {string} name as docs/reliability.md numbers it
 * @property {string} number how many cases
 * @property {readonly string[]} command
 * @property {Readonly<Record<string, string>>} [environment]
 */

const record = join(root, "records", "nightly.jsonl");
/** @param {readonly string[]} files */
const tests = (...files) => ["npx", "vitest", "run", ...files];
const nightly = { DEEPOBF_NIGHTLY: "1" };

/** @type {readonly Goal[]} */
const goals = [
  {
    name: "R2",
    number: "10,000 changed models",
    command: tests("test/onnx/structuredMutations.test.ts", "--testTimeout", "3600000"),
    environment: { DEEPOBF_MUTATIONS: "10000" },
  },
  {
    name: "R2-fuzz",
    number: "five minutes of libFuzzer for each reader",
    command: ["bash", "scripts/fuzz.sh"],
  },
  {
    name: "R6",
    number: "200 kills, 5 ways of training",
    command: tests("test/obfuscate/kill.test.ts"),
    environment: { DEEPOBF_KILLS: "200" },
  },
  {
    name: "R6-workers",
    number: "50 kills of 2 workers and of 4",
    command: tests("test/workers/kills.test.ts"),
    environment: { DEEPOBF_WORKER_KILLS: "50" },
  },
  {
    name: "R7",
    number: "every call, 4 errors",
    command: tests("test/jobs/faults.test.ts", "test/runs/files.test.ts"),
    environment: nightly,
  },
  {
    name: "R13",
    number: "20 pairs",
    command: tests("test/obfuscate/pairs.test.ts"),
    environment: { DEEPOBF_PAIRS: "20" },
  },
  {
    name: "R14",
    number: "8,000 steps, of which half are warm-up",
    command: tests("test/train/loop.test.ts", "-t", "no memory"),
    environment: { DEEPOBF_STEPS: "8000" },
  },
  {
    name: "R14-cycles",
    number: "4,000 cycles, of which half are warm-up",
    command: tests("test/engine/cycles.test.ts"),
    environment: { DEEPOBF_CYCLES: "4000" },
  },
  { name: "R14-asan", number: "the native tests", command: ["node", "scripts/sanitize.mjs"] },
  {
    name: "R16",
    number: "2,000 chains",
    command: tests("test/obfuscate/randomChains.test.ts", "--testTimeout", "3600000"),
    environment: { DEEPOBF_CHAINS: "2000" },
  },
  {
    name: "R19",
    number: "every tampered folder",
    command: tests("test/jobs/hostileFolders.test.ts"),
    environment: nightly,
  },
  {
    name: "R20",
    number: "npm 10, 11; 12 with Node.js 22",
    command: ["bash", "scripts/bare-debian.sh"],
  },
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !goals.some((goal) => goal.name === name));
if (unknown.length > 0) {
  console.error(
    `expected some of ${goals.map(({ name }) => name).join(", ")}, received ${unknown}`,
  );
  process.exit(2);
}
const tried = goals.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const outcomes = tried.map((goal) => ({ goal, passed: tryGoal(goal) }));
for (const { goal, passed } of outcomes) {
  console.log(`${passed ? "passed" : "FAILED"}  ${goal.name}: ${goal.number}`);
}
process.exitCode = outcomes.every(({ passed }) => passed) ? 0 : 1;

/** @param {Goal} goal */
function tryGoal({ name, number, command, environment }) {
  console.log(`== ${name}: ${number}`);
  const [program = "", ...parameters] = command;
  const start = performance.now();
  const { status } = spawnSync(program, parameters, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...environment },
  });
  const seconds = Math.round((performance.now() - start) / 1000);
  const date = new Date().toISOString().slice(0, 10);
  keep({ name, number, date, seconds, passed: status === 0, command: command.join(" ") });
  return status === 0;
}

/**
 * Puts a result in the place of the one before.
 * @param {{ readonly name: string } & Readonly<Record<string, unknown>>} result
 */
function keep(result) {
  const lines = existsSync(record) ? readFileSync(record, "utf8").split("\n") : [];
  const others = lines.filter((line) => line !== "" && JSON.parse(line).name !== result.name);
  writeFileSync(record, `${[...others, JSON.stringify(result)].sort().join("\n")}\n`);
}
