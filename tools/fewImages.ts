// Chains from a part of the training images, with and without what may make up for the others, each shown as many
// images in all. Adds what each run printed to records/few-images.jsonl; runs that are recorded are left alone.
//
//     npm run few-images -- ORIGINAL.onnx --data cifar10:DIR --extra-data DATA [--shares 1,10,100] \
//         [--images 150000] [--hold-out 5000] [--depth 7] [--seeds 0] [options of deepobf obfuscate]
//
// Shares are percent of the images that are left where --hold-out takes those that judge. Data and runs lie in
// runs/few-images/ of the working directory. Then: npm run results.
import { basename, join } from "node:path";
import { holdOut, loadData, loadExtraData } from "../src/data/index.ts";
import { runObfuscate } from "./ablations/obfuscate.ts";
import { numbers, takeOptions } from "./ablations/plan.ts";
import { writeShare } from "./fewImages/share.ts";
import { folderOf, isRecorded } from "./fewImages/trial.ts";
import { appendRecord, readRecords, root } from "./records/records.ts";

const own = ["--data", "--extra-data", "--shares", "--images", "--hold-out", "--depth", "--seeds"];
const { taken, rest } = takeOptions(process.argv.slice(2), own);
const [model = ""] = rest;
const [spec, extra] = [taken.get("--data"), taken.get("--extra-data")];
if (!model.endsWith(".onnx") || !spec || !extra)
  throw new Error("expected ORIGINAL.onnx --data DATA --extra-data DATA");
const series = basename(model, ".onnx");
const shown = numbers("--images", taken.get("--images") ?? "150000")[0]!;
const heldOut = numbers("--hold-out", taken.get("--hold-out") ?? "5000")[0]!;
const depth = numbers("--depth", taken.get("--depth") ?? "7")[0]!;
const data = holdOut(await loadData(spec), heldOut);
const elsewhere = (await loadExtraData(extra, { shape: data.train.shape })).count;

/** What may make up for missing images: Beyer et al. 2022 (arXiv 2106.05237) mix images, too. */
const variants = {
  plain: [],
  mixup: ["--mixup", "1"],
  extra: ["--extra-data", extra],
  "extra and mixup": ["--extra-data", extra, "--mixup", "1"],
} as const;

for (const seed of numbers("--seeds", taken.get("--seeds") ?? "0")) {
  for (const share of numbers("--shares", taken.get("--shares") ?? "1,10,100")) {
    const count = Math.round((data.train.count * share) / 100);
    const folder = join("runs", "few-images", `data-${count}-h${heldOut}`);
    await writeShare(data, { count, folder });
    for (const [name, options] of Object.entries(variants)) {
      const learned = name.startsWith("extra") ? count + elsewhere : count;
      const epochs = Math.max(1, Math.round(shown / learned));
      const trial = { series, name, depth, images: count, heldOut, epochs, seed };
      const out = folderOf(trial);
      const known = isRecorded(trial, readRecords().fewImages);
      console.error(`${out}${known ? ": recorded already" : ""}`);
      if (known) continue;
      const given = ["--data", `cifar10:${folder}`, "--depth", `${depth}`, "--epochs", `${epochs}`];
      const summary = runObfuscate([...rest, ...given, "--seed", `${seed}`, ...options], out);
      appendRecord(join(root, "records", "few-images.jsonl"), {
        series,
        name,
        images: count,
        elsewhere: learned - count,
        heldOut,
        ...summary,
      });
    }
  }
}
