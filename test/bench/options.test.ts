// What benchmarks take: an option without effect would be recorded as if it had one.
import { availableParallelism } from "node:os";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { parseOptions, readOptions } from "../../bench/options.ts";

const said: string[] = [];
const given = (...args: string[]) => {
  process.argv = ["node", "program", ...args];
};
const argv = process.argv;
beforeEach(() => {
  said.length = 0;
  vi.spyOn(console, "error").mockImplementation((text) => said.push(text));
  vi.spyOn(process, "exit").mockImplementation((code) => {
    throw new Error(`exit ${code}`);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.argv = argv;
});

test("a benchmark has its defaults, and takes what it has options for", () => {
  const taken = { rounds: 8, more: ["python"] } as const;
  given();
  expect(readOptions(taken)).toMatchObject({ rounds: 8, threads: availableParallelism() });
  given("--rounds", "3", "--threads", "5", "--python", "/py", "--record", "here");
  expect(readOptions(taken)).toEqual({
    rounds: 3,
    threads: 5,
    python: "/py",
    record: "here",
    images: undefined,
  });
});

test.each([
  ["--threads", { rounds: 30, threads: 1 }],
  ["--rounds", {}],
  ["--python", { rounds: 7 }],
  ["--images", { rounds: 7, more: ["python"] }],
] as const)("%s is refused where it has no effect", (option, taken) => {
  given(option, "4");
  expect(() => readOptions(taken)).toThrow("exit 2");
  expect(said).toEqual([expect.stringMatching(`^error: Unknown option '${option}'`)]);
});

test("a benchmark with its own number of threads and rounds tells them", () => {
  given();
  expect(readOptions({ threads: 2 })).toMatchObject({ rounds: 1, threads: 2 });
});

test("what is no option ends a program with one line", () => {
  given("--threads", "2");
  expect(() => parseOptions({ options: { seconds: { type: "string" } } })).toThrow("exit 2");
  expect(said).toHaveLength(1);
});
