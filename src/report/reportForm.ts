// What a report says, as report.json holds it: docs/report.schema.json is this form as a JSON Schema.
import { z } from "zod";
import { count } from "../schema.ts";
import { attackForm, epochForm, exposureForm, summaryForm } from "./runForms.ts";

const missing = z.object({
  missing: z.string().describe("why this part cannot be shown, without the full stop"),
});
const share = z.number().nullable();

function orMissing<T extends z.ZodType>(form: T) {
  return z.union([form, missing]);
}

const box = z.object({
  what: z.string(),
  sizes: z.string().describe("channels×height×width; a range of channels where repetitions differ"),
  kind: z.enum(["input", "convolution", "pooling", "sum", "linear"]),
  inClassifier: z.boolean(),
  from: z.array(count).describe("places of the boxes that it reads"),
});

const architecture = z.object({
  convolutions: count,
  joins: count.describe("places where branches meet"),
  boxes: z.array(box),
  frames: z
    .array(z.object({ first: count, last: count, times: count }))
    .describe("boxes that stand for several repetitions"),
});

const classFigures = z.object({
  name: z.string(),
  images: count,
  original: share.describe("accuracy on this class"),
  obfuscated: share,
});

const confusion = z.object({
  label: z.string(),
  answer: z.string(),
  original: count.describe("images of the class that the original takes for the other"),
  obfuscated: count,
});

const answer = z.object({ class: z.string(), confidence: z.number() });

const { original, obfuscated, verify, quantized, warnings } = summaryForm.shape;

export const reportForm = z.object({
  format: z.literal(1),
  run: z.object({ name: z.string(), finished: z.boolean() }),
  verdict: orMissing(
    z.object({ accuracy: z.string(), speed: z.string(), hiding: z.string() }),
  ).describe("a sentence each"),
  models: orMissing(z.object({ original, obfuscated, verify, quantized, warnings })),
  architectures: z.object({
    original: orMissing(architecture),
    obfuscated: orMissing(architecture),
  }),
  training: orMissing(
    z.object({
      epochs: z.array(epochForm),
      learningRate: z.number().describe("the highest; the rate of an epoch is a share of it"),
      unreadableLines: count,
    }),
  ),
  classes: orMissing(
    z.object({
      samples: count,
      classes: z.array(classFigures),
      confusions: z.array(confusion).describe("where the two differ, the largest difference first"),
    }),
  ),
  disagreements: orMissing(
    z.object({
      differing: count.describe("images that the two classify differently"),
      images: z.array(
        z.object({
          place: count.describe("in the test images, from 0"),
          png: z.string().describe("base64"),
          label: z.string().optional(),
          original: answer,
          obfuscated: answer,
          apart: z.number().describe("total variation distance of the probabilities"),
        }),
      ),
    }),
  ),
  exposure: orMissing(exposureForm),
  attacks: orMissing(z.object({ runs: z.array(attackForm.extend({ name: z.string() })) })),
  protection: z.object({ stops: z.array(z.string()), remains: z.array(z.string()) }),
  reproduction: z.object({
    command: z.string(),
    settings: z.record(z.string(), z.union([z.string(), z.number()])),
    versions: z.record(z.string(), z.string()),
    hashes: z.array(
      z.object({ what: z.string(), sha256: z.string(), remark: z.string().optional() }),
    ),
  }),
});

export type Report = z.infer<typeof reportForm>;
export type Architecture = z.infer<typeof architecture>;
/** A part of a report where it is there. */
export type Part<Name extends keyof Report> = Exclude<Report[Name], { missing: string }>;

/** An attack in a report. */
export type AttackRun = Part<"attacks">["runs"][number];

/** The form as a JSON Schema (draft 2020-12), as docs/report.schema.json holds it. */
export function reportSchemaText(): string {
  const schema = { title: "report.json of DeepObf", ...z.toJSONSchema(reportForm) };
  return `${JSON.stringify(schema, null, 2)}\n`;
}
