// Progress, numbers and failures as they are shown.
import { describe, expect, test } from "vitest";
import type { AttackSummary } from "../../src/attack/options.ts";
import { formatOutput } from "../../src/cli/command.ts";
import { renderAttack } from "../../src/cli/commands/attack.ts";
import { renderInspection } from "../../src/cli/commands/inspect.ts";
import { describeFailure } from "../../src/cli/failure.ts";
import { Progress, wantsColour } from "../../src/cli/progress.ts";
import { dataLine, renderTable, sparkline } from "../../src/cli/render.ts";
import { renderSummary } from "../../src/cli/summary.ts";
import { ModelError } from "../../src/errors.ts";
import type { Inspection } from "../../src/evaluate/inspect.ts";
import { nearest } from "../../src/nearest.ts";
import { bytes, count, duration, interval, percent, points } from "../../src/numbers.ts";
import type { ProgressEvent } from "../../src/runs/index.ts";
import { escapeInvisible, jsonText } from "../../src/text.ts";
import { readPart, writeRun } from "../report/runFixture.ts";
import { workshop } from "../workshop.ts";

const file = workshop();

/** Progress on a screen that keeps what is written; each event comes a second after the last. */
function screen({ isTTY = false, secondsBetween = 1, columns = 72 } = {}) {
  const written: string[] = [];
  let now = 0;
  const write = (text: string) => written.push(text);
  const progress = new Progress({ isTTY, columns, write }, { now: () => now });
  const show = (event: ProgressEvent) => {
    now += secondsBetween;
    progress.show(event);
  };
  return { progress, show, text: () => written.join("") };
}

const step = (number: number): ProgressEvent => ({
  type: "step",
  stage: "chain",
  epoch: 1,
  epochs: 2,
  step: number,
  steps: 40,
  imagesPerSecond: 812.4,
  secondsLeft: 75,
  losses: { loss: 1.23456, label: 0.5 },
});

const epoch: ProgressEvent = {
  type: "epoch",
  rate: 0.5,
  stage: "chain",
  epoch: 1,
  epochs: 2,
  seconds: 61,
  imagesPerSecond: 800,
  losses: { loss: 1.25, feature: 0.75 },
};

describe("progress without a terminal", () => {
  test("is plain lines", () => {
    const { show, text } = screen();
    show({ type: "phase", phase: "prepare" });
    show(step(10));
    show(epoch);
    expect(text()).toBe(
      "checking model and data\n" +
        "chain: epoch 1/2, step 10/40, loss 1.235, 812 images/s, 1:15 left\n" +
        "chain: epoch 1/2, loss 1.2500, feature 0.7500, images/s 800, time 1:01\n",
    );
  });

  test("has a line for steps every ten seconds at most, and one for every epoch", () => {
    const { show, text } = screen();
    for (let number = 1; number <= 25; number++) show(step(number));
    for (let number = 1; number <= 5; number++) show(epoch);
    expect(text().split("\n")).toHaveLength(3 + 5 + 1);
  });
});

describe("progress on a terminal", () => {
  test("is one live line, no wider than the terminal", () => {
    const { show, progress, text } = screen({ isTTY: true });
    show(step(10));
    show(step(20));
    progress.close();
    const [, first, second, closed] = text().split("\r\u001b[2K");
    expect(first).toMatch(/^\[==== {12}\] 1:15 left, ends \d\d:\d\d, chain: epoch 1\/2, step/);
    expect(second).toMatch(/^\[={8} {8}\] 1:15 left/);
    expect(first).toHaveLength(71);
    expect(closed).toBe("");
    expect(text()).not.toContain("\n");
  });

  test("keeps a row for each epoch below one header, above the live line", () => {
    const { show, text } = screen({ isTTY: true });
    show(step(10));
    show(epoch);
    show(epoch);
    const lines = text()
      .split("\n")
      .map((line) => line.split("\u001b[2K").at(-1));
    expect(lines.slice(0, 4)).toEqual([
      "chain",
      "     epoch      loss   feature  images/s      time",
      "       1/2    1.2500    0.7500       800      1:01  ▁",
      "       1/2    1.2500    0.7500       800      1:01  ▁▁",
    ]);
    expect(lines[4]).toMatch(/^\[====/);
  });

  test("ends the live line where another phase begins", () => {
    const { show, text } = screen({ isTTY: true });
    show(step(10));
    show({ type: "phase", phase: "verify" });
    expect(text().split("\r\u001b[2K").at(-1)).toBe("verifying\n");
  });

  test("does not shrink on a terminal of unknown width", () => {
    const { show, text } = screen({ isTTY: true, columns: 0 });
    show(step(10));
    show(epoch);
    const drawn = text().split("\r\u001b[2K");
    expect(drawn.at(-1)).toBe(drawn[1]);
    expect(drawn[1]).toHaveLength(79);
  });

  test("has its bar in colour, where colours are wanted", () => {
    const written: string[] = [];
    const write = (text: string) => written.push(text);
    const progress = new Progress({ isTTY: true, columns: 72, write }, { coloured: true });
    progress.show(step(10));
    expect(written.join("")).toContain("\u001b[36m[====\u001b[39m");
    expect(wantsColour({ isTTY: true, write }, {})).toBe(true);
    expect(wantsColour({ isTTY: true, write }, { NO_COLOR: "1" })).toBe(false);
    expect(wantsColour({ isTTY: true, write }, { TERM: "dumb" })).toBe(false);
    expect(wantsColour({ isTTY: false, write }, {})).toBe(false);
  });

  test("is drawn ten times a second at most", () => {
    const { show, text } = screen({ isTTY: true, secondsBetween: 0.01 });
    for (let number = 1; number <= 100; number++) show(step(number));
    expect(text().split("\r").length - 1).toBeLessThanOrEqual(11);
  });

  test("shows no control characters of names", () => {
    const { show, text } = screen();
    show({ type: "note", text: 'boundary "a\u001b[2Jb"\nsecond line' });
    expect(text()).toBe('boundary "a\\u{1b}[2Jb"\nsecond line\n');
  });
});

test("what a command gives steers no terminal", () => {
  const text = "folder x\u001b]0;title\u0007\nsecond line";
  expect(formatOutput({ json: {}, text }, false)).toBe(
    "folder x\\u{1b}]0;title\\u{7}\nsecond line\n",
  );
});

test("names of folders and summaries of strangers forge no line", () => {
  const facts = { training: 1, test: 1, shape: [1, 8, 8], notes: ["folder x\nNote: all is well"] };
  expect(dataLine(facts).split("\n")).toHaveLength(2);
  const summary = {
    ...readPart(writeRun(file), "summary.json"),
    files: { model: "model.onnx" },
    setbacks: [],
  };
  const text = renderSummary({
    ...summary,
    warnings: ["it crashed\nshipped file: elsewhere.onnx"],
  });
  expect(text).toContain("warning: it crashed\n  shipped file: elsewhere.onnx\n");
  expect(text.match(/^shipped file: .*$/gm)).toEqual(["shipped file: model.onnx"]);
});

test("text is shown with escapes for what a terminal would obey or hide", () => {
  expect(escapeInvisible("größe\t\u001b[31m\u202e\u200b😀")).toBe(
    "größe\\u{9}\\u{1b}[31m\\u{202e}\\u{200b}😀",
  );
  const value = { name: "\u001b\u202e\u{e0041}", text: "ä\n" };
  const json = jsonText(value);
  expect(json).not.toMatch(/[\p{Cf}]/u);
  expect(JSON.parse(json)).toEqual(value);
});

test("numbers are rounded to what can be read", () => {
  expect([0, 999, 1000, 269_034, 40_551_040, 999_600].map(count)).toEqual([
    "0",
    "999",
    "1.00 k",
    "269 k",
    "40.6 M",
    "1.00 M",
  ]);
  expect([512, 1500, 3_400_000].map(bytes)).toEqual(["512 B", "1.50 kB", "3.40 MB"]);
  expect(percent(0.93391)).toBe("93.39 %");
  // No more than is true: nothing reads as an end that it has not reached.
  expect([0, 1, 0.9996, 0.0004, 0.99999].map((share) => percent(share, 1))).toEqual([
    ...["0.0 %", "100.0 %", "99.96 %", "0.04 %", "99.999 %"],
  ]);
  expect(percent(1 / 250, 0)).toBe("0.4 %");
  expect(interval([0.8454, 0.9996])).toBe("84.5 to 99.96 %");
  expect(interval([null, null])).toBe("unknown");
  expect([0, 0.025, -0.0001, 2 / 50_000, 1e-17].map((each) => points(each, 1))).toEqual([
    ...["±0.0", "+2.5", "−0.01", "+0.004", "±0.0"],
  ]);
  expect([0.4, 61, 3599.7, 3661, Number.NaN].map(duration)).toEqual([
    "0:00",
    "1:01",
    "1:00:00",
    "1:01:01",
    "?",
  ]);
});

test("a sparkline has a height for each value, and is short however many there are", () => {
  expect(sparkline([7, 6, 4, 2, 0])).toBe("█▇▅▃▁");
  expect(sparkline([1, 1])).toBe("▁▁");
  expect(sparkline([])).toBe("");
  expect(sparkline(Array.from({ length: 100 }, (_, i) => i))).toHaveLength(24);
});

test("tables align numbers to the right", () => {
  expect(
    renderTable([
      ["", "a", "long"],
      ["name", "1", "22"],
    ]),
  ).toBe("       a   long\nname   1     22");
});

test.each([
  ["transfer", /^head start in points +original +obfuscated$/m],
  ["extraction", /^answers over labels, points +original's architecture +chain's$/m],
] as const)("what an attack by %s gives has its own heads", (kind, heads) => {
  const gain = { mean: 1.8, deviation: null };
  const headStart = [{ budget: 0.02, original: gain, obfuscated: gain }];
  const summary = { kind, arms: [], headStart, seconds: 1, files: { summary: "summary.json" } };
  expect(renderAttack(summary as unknown as AttackSummary)).toMatch(heads);
});

describe("failures", () => {
  const systemError = (code: string, path?: string) =>
    Object.assign(new Error(`${code}: something`), { code, ...(path && { path }) });

  test.each([
    [new ModelError("m.onnx: empty"), 3, "m.onnx: empty"],
    [systemError("ENOSPC", "/run/model.onnx"), 5, "the disk is full at /run/model.onnx (ENOSPC)"],
    [systemError("EMFILE"), 5, "too many files are open (EMFILE)"],
    [
      new Error(
        "aten::conv2d: [enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes\nat",
      ),
      5,
      /^memory ran out: aten::conv2d.* 9 bytes$/,
    ],
  ])("that a user can mend carry no stack: %s", (error, exitCode, message) => {
    const failure = describeFailure(error);
    expect(failure.exitCode).toBe(exitCode);
    expect(failure.message).toMatch(message);
    expect(failure.message).not.toContain("    at ");
  });

  test.each([new TypeError("x is undefined"), "thrown text"])(
    "of ours carry a stack: %s",
    (error) => {
      const { exitCode, message } = describeFailure(error);
      expect(exitCode).toBe(1);
      expect(message).toMatch(/^this is a bug in DeepObf\. Please report it/);
      expect(message).toContain(error instanceof Error ? "rendering.test.ts" : "thrown text");
    },
  );
});

test("the word that was meant is guessed where it is near", () => {
  const words = ["batch-size", "epochs", "mean", "seed"];
  expect(nearest("batchSize", words)).toBe("batch-size");
  expect(nearest("epoch", words)).toBe("epochs");
  expect(nearest("sed", words)).toBe("seed");
  expect(nearest("temperature", words)).toBeUndefined();
});

test.each([
  [20, []],
  [99_000, ["... and 98980 more, which --json gives"]],
])("of %d cut points people see twenty", (points, rest) => {
  const cutPoints = Array.from({ length: points }, (_, i) => `r${i}`);
  const operators = { Relu: points };
  const known = { parameters: 0, macs: 0, nodes: points, operators, convolutions: 0 };
  const others = { sequential: true, input: null, boundary: null, warnings: [] };
  const text = renderInspection({ ...known, ...others, cutPoints } satisfies Inspection);
  const lines = text.split("\n").map((line) => line.trim());
  expect(lines).toContain(`cut points     ${points}`);
  expect(lines.slice(-20 - rest.length)).toEqual([...cutPoints.slice(0, 20), ...rest]);
});
