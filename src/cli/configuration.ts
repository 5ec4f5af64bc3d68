// Options from a YAML file (yaml.org/spec/1.2.2), of which JSON is a part: keys are the options' names as the
// command line spells them.
import { readFileSync } from "node:fs";
import type { Document } from "yaml";
import { UsageError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { whyUnreadable } from "../systemErrors.ts";
import { decodeText, escapeInvisible } from "../text.ts";
import { optionName } from "./options.ts";
import { optionsOfRun, type Reader } from "./runOptions.ts";

/**
 * Values by key of the table, not yet checked. What is wrong with keys is added to `complaints`; those of a run's
 * config.json that this command does not have are left out. Throws UsageError where the file cannot be read or holds no
 * options.
 */
export async function readConfiguration(
  path: string,
  { complaints, ...reader }: Reader & { complaints: string[] },
): Promise<Record<string, unknown>> {
  const { table } = reader;
  const names = new Map(Object.entries(table).map(([key, option]) => [optionName(option), key]));
  names.delete("config");
  const keys = new Set(names.values());
  const values: Record<string, unknown> = {};
  const content = await parse(path);
  const ofRun = optionsOfRun(content, path, reader);
  for (const [name, value] of Object.entries(ofRun ?? content)) {
    const key = names.get(name) ?? (keys.has(name) ? name : undefined);
    if (key !== undefined) {
      if (Object.hasOwn(values, key)) {
        complaints.push(`"${name}" is in ${escapeInvisible(path)} in another spelling, too`);
      }
      values[key] = value;
    } else if (!ofRun) {
      const guess = nearest(name, [...names.keys()]);
      const hint = guess
        ? `did you mean "${guess}"?`
        : `expected one of ${[...names.keys()].join(", ")}`;
      complaints.push(
        `"${escapeInvisible(name)}" in ${escapeInvisible(path)} is no option: ${hint}`,
      );
    }
  }
  return values;
}

async function parse(path: string): Promise<object> {
  let text: string;
  try {
    text = decodeText(readFileSync(path));
  } catch (cause) {
    throw new UsageError(
      `--config: expected a YAML or JSON file, but ${escapeInvisible(path)} ${whyUnreadable(cause)}`,
      { cause },
    );
  }
  const { parseDocument } = await import("yaml");
  const document = parseDocument(text, { prettyErrors: true, logLevel: "error" });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem?.code === "MULTIPLE_DOCS") {
    throw new UsageError(
      `--config: ${escapeInvisible(path)} holds several documents, with --- between them: expected one`,
    );
  }
  if (problem) {
    throw new UsageError(
      `--config: ${escapeInvisible(path)} holds neither YAML nor JSON: ${escapeInvisible(firstLine(problem.message))}`,
      { cause: problem },
    );
  }
  const value: unknown = toPlain(document, path);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new UsageError(
    `--config: expected ${escapeInvisible(path)} to hold options, such as "epochs: 20" or {"epochs": 20, "mean": [0.5, 0.5, 0.5]}`,
  );
}

/** The values of a document, whose references may not unfold to more than a hundred each. */
function toPlain(document: Document, path: string): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`--config: ${escapeInvisible(path)} cannot be read: ${reason}`, { cause });
  }
}

function firstLine(text: string): string {
  return text.split("\n")[0]!.replace(/:$/, "");
}
