// Command lines and configuration files that are wrong in themselves: exit code 2.
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { expect, test } from "vitest";
import { workshop } from "../workshop.ts";
import { deepobf } from "./deepobf.ts";
import { idxFiles, residualModel } from "./fixtures.ts";
import { expectRefusal, type Refusal, refusals } from "./refusal.ts";

const file = workshop();
const model = file("model.onnx", residualModel());
for (const [name, content] of Object.entries(idxFiles())) file(`idx/${name}`, content);
const data = `idx:${file("idx")}`;

let runs = 0;

/** The main job with its needed options; later ones win. */
function job(...changes: string[]): string[] {
  const needed = ["--data", data, "--depth", "3", "--epochs", "1", "--out", file(`run-${runs++}`)];
  return ["obfuscate", model, ...needed, ...changes];
}

/** A refused value of an option of the main job. */
function value(option: string, given: string, expected: string): () => Refusal {
  return () => ({
    args: job(option, given),
    code: 2,
    says: [`${option}: expected ${expected}`, `received "${given}"`],
  });
}

/** A refused value of an option of an attack. */
function attackValue(option: string, given: string, expected: string): () => Refusal {
  return () => ({
    args: ["attack", model, "--data", data, "--original", model, option, given],
    code: 2,
    says: [`${option}: expected ${expected}`, `received "${given}"`],
  });
}

function configured(content: string, ...says: (string | RegExp)[]): () => Refusal {
  return () => {
    const path = file(`${says[0]}.json`.replaceAll(/[^a-z.]/gi, "-"), content);
    return { args: job("--config", path), code: 2, says };
  };
}

refusals({
  "an unknown command": () => ({
    args: ["obfuscat", model],
    code: 2,
    says: ["unknown command 'obfuscat'", "did you mean obfuscate?"],
  }),
  "the help of an unknown command": () => ({
    args: ["help", "obfuscat"],
    code: 2,
    says: ["unknown command 'obfuscat'", "did you mean obfuscate?"],
  }),
  "an unknown option": () => ({
    args: job("--epoch", "3"),
    code: 2,
    says: [
      "unknown option '--epoch'",
      "did you mean --epochs?",
      "See: node bin/deepobf.js obfuscate --help",
    ],
  }),
  "an unknown option that is near to one of the long help": () => ({
    args: job("--boundry", "x"),
    code: 2,
    says: ["unknown option '--boundry'", "did you mean --boundary?"],
  }),
  "no model": () => ({ args: ["inspect"], code: 2, says: ["missing required argument 'MODEL'"] }),
  "two models": () => ({ args: ["inspect", model, model], code: 2, says: ["too many arguments"] }),
  "an option without its value": () => ({
    args: ["evaluate", model, "--data"],
    code: 2,
    says: ["'--data <DATA>' argument missing"],
  }),
  "an option for the value of another one": () => ({
    args: ["init", "--out", "--json"],
    code: 2,
    says: ["--out: expected", 'received "--json", an option'],
  }),
  "an option for one of several values": () => ({
    args: ["report", model, "--attacks", "--json"],
    code: 2,
    says: ["--attacks: expected", '"--json"', "an option"],
  }),
  "a value for an option that takes none": () => ({
    args: job("--flip=yes"),
    code: 2,
    says: ["option '--flip' takes no value, received 'yes'"],
  }),
  "everything wrong at once": () => ({
    args: ["obfuscate", model, "--epochs", "x", "--seed", "-1"],
    code: 2,
    says: [
      "3 problems",
      "--data is missing",
      '--epochs: expected a whole number from 1 to 100000, received "x"',
      '--seed: expected a whole number from 0 to 9007199254740991, received "-1"',
    ],
  }),
  "depth 0": value("--depth", "0", "a whole number from 2"),
  "depth 2.5": value("--depth", "2.5", "a whole number from 2"),
  "no epochs": value("--epochs", "0", "a whole number from 1"),
  "endless epochs": value("--epochs", "Infinity", "a whole number from 1"),
  "a seed beyond exact integers": value("--seed", "9007199254740993", "a whole number from 0"),
  "no threads": value("--threads", "0", "a whole number from 1 to 1024"),
  "a batch of nothing": value("--batch-size", "", "a whole number from 1"),
  "fewer than no images held out": value("--hold-out", "-1", "a whole number from 0"),
  "an unknown device": value("--device", "tpu", "cpu, cuda or cuda:N"),
  "an unknown precision": value("--precision", "f16", "one of auto, f32, bf16"),
  "a mean that is no number": value("--mean", "0.5,x", "finite numbers between commas"),
  "an infinite mean": value("--mean", "1e999", "finite numbers between commas"),
  "a deviation of zero": value("--std", "0", "finite numbers above 0 between commas"),
  "an accuracy in percent": value("--min-accuracy", "93", "a number from 0 to 1"),
  "a drop beyond everything": value("--max-accuracy-drop", "2", "a number from -1 to 1"),
  "a negative weight": value("--label-weight", "-0.5", "a number of at least 0"),
  "more than all smoothing": value("--label-smoothing", "2", "a number from 0 to 1"),
  "tuning for more than all steps": value("--tune-classifier", "2", "a number from 0 to 1"),
  "absolute zero": value("--temperature", "0", "a number above 0"),
  "an average over more than all steps": value("--average-weights", "1.5", "a number from 0 to 1"),
  "no weight at all": () => ({
    args: job("--feature-weight", "0", "--label-weight", "0", "--distillation-weight", "0"),
    code: 2,
    says: ["--feature-weight, --label-weight, --distillation-weight: expected", "received 0, 0, 0"],
  }),
  "an unknown optimizer": value("--optimizer", "adam", "muon or sgd"),
  "no MACs": value("--max-macs", "0", "a number above 0"),
  "a crop of less than nothing": value("--crop", "-1", "a whole number from 0 to 1024"),
  "a negative mixup": value("--mixup", "-1", "a number of at least 0"),
  "a rate of zero": value("--learning-rate", "0", "a number above 0"),
  "checkpoints before they are due": value("--checkpoint-seconds", "-1", "a number of at least 0"),
  "no minutes": value("--minutes", "0", "a number above 0"),
  "no part of a photo": value("--resized-crop", "0", "a number above 0 and up to 1"),
  "colours changed by twice their value": value("--color-jitter", "2", "a number from 0 to 1"),
  "no workers": value("--workers", "0", "a whole number from 1 to 256"),
  "fewer than no restarts": value("--restarts", "-1", "a whole number from 0"),
  "images without size": value("--image-size", "0", "a whole number from 1"),
  "an unknown way to resize": value("--resize", "zoom", "crop, squash or a whole number from 1"),
  "an unknown order of channels": value("--channel-order", "brg", "rgb or bgr"),
  "an unknown quantisation": value("--quantize", "int4", "int8 or fp16"),
  "an unknown kind of labels": value("--labels", "maybe", "folders or none"),
  "an output without a name": value("--out", "", "the path of a folder that does not exist yet"),
  "minutes and epochs": () => ({
    args: job("--minutes", "5"),
    code: 2,
    says: ["--minutes: expected in place of --epochs, received both"],
  }),
  "a share of images for the test where the data have a test set": () => ({
    args: job("--test-share", "0.5"),
    code: 2,
    says: ["--test-share: only for image folders (images:DIR)", "idx:DIR"],
  }),
  "an order of classes for data that have one": () => ({
    args: job("--classes", file("classes.txt", "a\nb\n")),
    code: 2,
    says: ["--classes: only for image folders (images:DIR)", "idx:DIR"],
  }),
  "an unknown kind of attack": attackValue("--kind", "theft", "one of transfer, incremental"),
  "more than all of the pirate's data": attackValue("--budgets", "2", "finite numbers above 0"),
  "no seeds": attackValue("--seeds", "0", "a whole number from 1"),
  "an unknown method": attackValue("--methods", "magic", "initFC-all or"),
  "an unknown optimizer of the pirate": attackValue("--optimizers", "adam", "sgd or adamw or muon"),
  "a pirate's rate of zero": attackValue("--learning-rates", "0", "finite numbers above 0"),
  "an attack without the original": () => ({
    args: ["attack", model, "--data", data, "--kind", "transfer"],
    code: 2,
    says: ["--original is missing", "only the folder of a run knows its own"],
  }),
  "an attack on classes that are not known": () => ({
    args: ["attack", model, "--original", model, "--data", data, "--kind", "incremental"],
    code: 2,
    says: ["--source-data is missing"],
  }),
  "a report of nothing": () => ({
    args: ["report"],
    code: 2,
    says: ["missing required argument 'RUN'"],
  }),
  "a report of a file": () => ({
    args: ["report", model],
    code: 2,
    says: ["expected the folder of a run", "has no config.json"],
  }),
  "a port beyond all": () => ({
    args: ["watch", "--port", "99999"],
    code: 2,
    says: ["--port: expected a whole number from 0 to 65535", 'received "99999"'],
  }),
  "an unknown shell": () => ({
    args: ["completion", "tcsh"],
    code: 2,
    says: ["SHELL: expected one of bash, zsh, fish", 'received "tcsh"'],
  }),
  "an unknown runtime": () => ({
    args: ["evaluate", model, "--data", data, "--runtime", "tvm"],
    code: 2,
    says: ["--runtime: expected ort or torch", 'received "tvm"'],
  }),
  "a shape with a zero": () => ({
    args: ["check", model, "--input-shape", "1,0,16,16"],
    code: 2,
    says: ["--input-shape: expected whole numbers from 1", 'received "1,0,16,16"'],
  }),
  "data without a format": () => ({
    args: job("--data", file("idx")),
    code: 2,
    says: ["cifar10:DIR", "idx:DIR", "images:DIR", `received "${file("idx")}"`],
  }),
  "data of an unknown format": () => ({
    args: ["evaluate", model, "--data", `mnist:${file("idx")}`],
    code: 2,
    says: ["idx:DIR", "mnist:"],
  }),
  "two means for one channel": () => ({
    args: ["evaluate", model, "--data", data, "--mean", "0.5,0.5"],
    code: 2,
    says: ["--mean: expected 1 number, one for each channel", "received 0.5,0.5"],
  }),
  "two means for one channel of the main job": () => ({
    args: job("--mean", "0.5,0.5"),
    code: 2,
    says: ["--mean: expected 1 number, one for each channel", "received 0.5,0.5"],
  }),
  "deeper than the data's size allows": () => ({
    args: job("--depth", "17"),
    code: 2,
    says: [/--depth: expected a whole number from 2 to 16/, "16×16", "received 17"],
  }),
  "a crop as large as the images": () => ({
    args: job("--crop", "16"),
    code: 2,
    says: [/crop/, "16×16"],
  }),
  "a batch larger than the data": () => ({
    args: job("--batch-size", "65"),
    code: 2,
    says: ["--batch-size: expected a batch of 1 to 64 images", "received 65"],
  }),
  "an unknown architecture": () => ({
    args: ["train", "resnet57", "--data", data, "--epochs", "1", "--out", file("resnet57")],
    code: 2,
    says: [/ARCH: expected one of .*resnet56/, 'received "resnet57"', "did you mean resnet56?"],
  }),
  "a run that is not there": () => ({
    args: ["resume", file("nowhere")],
    code: 2,
    says: [file("nowhere"), /has no config\.json/],
  }),
  "a folder that is no run": () => ({
    args: ["resume", file("idx")],
    code: 2,
    says: [/expected the folder of a run/, /has no config\.json/],
  }),
  "no configuration file": () => ({
    args: job("--config", file("missing.json")),
    code: 2,
    says: ["--config: expected a YAML or JSON file", "missing.json does not exist"],
  }),
  "a folder as configuration": () => ({
    args: job("--config", file("idx")),
    code: 2,
    says: ["--config: expected a YAML or JSON file", "is a folder"],
  }),
  "a configuration that is neither YAML nor JSON": configured(
    "epochs: [3",
    "neither YAML nor JSON",
  ),
  "a configuration of several documents": configured(
    "epochs: 3\n---\nseed: 1\n",
    "several documents",
  ),
  "a key in two spellings": configured(
    '{"batchSize": 3, "batch-size": 4}',
    /"batch-size" is in .* in another spelling, too/,
  ),
  "a configuration that is a list": configured("[3]", "to hold options"),
  "an unknown key": configured(
    '{"epoch": 3, "xyz": 1}',
    /"epoch" in .* did you mean "epochs"\?/,
    /"xyz" in .* expected one of/,
  ),
  "a key in another spelling": configured('{"batchsize": 3}', 'did you mean "batch-size"?'),
  "a value of another type": configured(
    '{"seed": true}',
    /"seed" in .* expected a whole number .* received "true"/,
  ),
  "a list with a gap": configured('{"mean": [0.5, null]}', /"mean" in .* received "\[0\.5,null\]"/),
});

test.each([
  ["check", model, []],
  ["evaluate", model, ["--data", data]],
])("more threads than processors are refused by %s", async (command, argument, more) => {
  const most = availableParallelism();
  const args = [command, argument, ...more, "--threads", String(most + 1)];
  const says = [`--threads: expected at most ${most}`, `received ${most + 1}`];
  await expectRefusal({ args, code: 2, says }, expect);
});

test("an output folder that exists is left as it is", async ({ expect }) => {
  const kept = file("existing/kept.txt", "mine");
  const args = job("--out", file("existing"));
  await expectRefusal({ args, code: 2, says: ["--out", "exists", "never overwrites"] }, expect);
  expect(readFileSync(kept, "utf8")).toBe("mine");
  const onFile = job("--out", kept);
  await expectRefusal({ args: onFile, code: 2, says: ["--out", "exists"] }, expect);
});

test("no command at all shows the help on stderr", async () => {
  const { code, stdout, stderr } = await deepobf([]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("Usage: deepobf");
});
