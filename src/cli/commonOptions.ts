// The options that every command takes, also where they change nothing, so that one configuration file
// and one habit serve all of them.
import { jobDefaults } from "../jobs/defaults.ts";
import { choice, flag, integer, numbers, pattern, text, withDefault } from "./options.ts";

export const commonOptions = {
  device: withDefault(
    pattern({
      flags: "--device <NAME>",
      help: "where libtorch computes: cpu, cuda or cuda:N",
      expected: "cpu, cuda or cuda:N",
      form: /^(cpu|cuda(:\d{1,3})?)$/,
    }),
    "cpu",
  ),
  precision: withDefault(
    choice({
      flags: "--precision <NAME>",
      help: "of training: auto, f32 or bf16; auto takes bf16 where the hardware has it",
      choices: ["auto", "f32", "bf16"],
    }),
    jobDefaults.precision,
  ),
  seed: withDefault(
    integer({
      flags: "--seed <N>",
      help: "same seed, same result",
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
    }),
    jobDefaults.seed,
  ),
  mean: numbers({
    flags: "--mean <A,B,C>",
    help: `of each channel, or one for all, for pixels in 0 to 1 (default ${jobDefaults.mean})`,
    example: "0.5,0.5,0.5",
    min: Number.NEGATIVE_INFINITY,
  }),
  std: numbers({
    flags: "--std <A,B,C>",
    help: `what the pixels, less the mean, are divided by (default ${jobDefaults.std})`,
    example: "0.25,0.25,0.25",
    min: 0,
    above: true,
  }),
  threads: integer({
    flags: "--threads <N>",
    help: "processor threads to use",
    min: 1,
    max: 1024,
  }),
  config: text({
    flags: "--config <FILE>",
    help: "YAML or JSON file with options by name, or config.json of a run; the command line wins",
    expected: "the path of a YAML or JSON file",
  }),
  json: flag({ flags: "--json", help: "print one JSON object" }),
} as const;

export type CommonOption = keyof typeof commonOptions;
