// What messages show of strangers' texts.
import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  escapeInvisible,
  fileName,
  isVisible,
  limitMessage,
  quoteForShell,
  shorten,
} from "../src/text.ts";

describe("messages", () => {
  test("are left alone where they are short", () => {
    expect(limitMessage("a\n  b\nc")).toBe("a\n  b\nc");
    expect(limitMessage("x".repeat(2048))).toBe("x".repeat(2048));
  });

  test("say how many lines are left out", () => {
    const lines = Array.from({ length: 10_000 }, (_, i) => `line ${i}`);
    const limited = limitMessage(lines.join("\n"));
    const shown = limited.split("\n");
    expect(limited.length).toBeLessThanOrEqual(4096);
    expect(shown.at(-1)).toBe(`... and ${10_000 - shown.length + 1} more lines`);
    expect(shown.slice(0, -1)).toEqual(lines.slice(0, shown.length - 1));
  });

  test("say how many characters are left out", () => {
    expect(limitMessage("x".repeat(5000))).toBe(`${"x".repeat(2048)}… and 2952 more characters`);
  });

  test("have at most 4 kB, whatever they hold", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 9000 }), { maxLength: 2000 }), (lines) => {
        expect(limitMessage(lines.join("\n")).length).toBeLessThanOrEqual(4096);
      }),
      { numRuns: 50, seed: 1 },
    );
  });
});

describe("names", () => {
  test("cannot forge lines or steer a terminal", () => {
    expect(escapeInvisible("a\nerror: b\u001b[2J\u202e")).toBe(
      "a\\u{a}error: b\\u{1b}[2J\\u{202e}",
    );
    expect(fileName("/somewhere/a\nb.onnx")).toBe("a\\u{a}b.onnx");
  });

  test("lose their middle where they are long", () => {
    expect(shorten("n".repeat(100))).toBe("n".repeat(100));
    expect(shorten(`${"n".repeat(5000)}END`)).toMatch(/^n{70}…\(4903 more\)…n{27}END$/);
  });
});

describe("words for a shell", () => {
  test("are quoted where they must be", () => {
    expect(quoteForShell("run/model-1.onnx")).toBe("run/model-1.onnx");
    expect(quoteForShell("my run")).toBe("'my run'");
    expect(quoteForShell("it's")).toBe("'it'\\''s'");
    expect(quoteForShell("a\nb")).toBe("$'a\\x0ab'");
  });

  test("are read by bash as they were", () => {
    const words = fc.array(fc.string({ unit: "binary", minLength: 1, maxLength: 20 }), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(words, (list) => {
        const texts = list.map((text) => Buffer.from(text.replaceAll("\0", "")).toString());
        const quoted = texts.map((text) => (text === "" ? "''" : quoteForShell(text)));
        for (const word of quoted) expect(isVisible(word)).toBe(true);
        const script = `printf '%s\\0' ${quoted.join(" ")}`;
        const read = execFileSync("bash", ["-c", script]).toString().split("\0").slice(0, -1);
        expect(read).toEqual(texts);
      }),
      { numRuns: 50, seed: 2 },
    );
  });
});
