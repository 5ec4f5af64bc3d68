// Data sets that are missing, damaged, or do not fit the model: exit code 4.
import { gzipSync } from "node:zlib";
import { workshop } from "../workshop.ts";
import { cifarFiles, idxFile, idxFiles, png, residualModel } from "./fixtures.ts";
import { type Refusal, refusals } from "./refusal.ts";

type Files = Readonly<Record<string, Uint8Array | string>>;

const file = workshop();
const model = file("model.onnx", residualModel());
const colourModel = file("colour.onnx", residualModel({ shape: ["N", 3, 32, 32], classes: 10 }));
const openModel = file("open.onnx", residualModel({ shape: ["N", 3, "H", "W"], classes: 2 }));
const idx = idxFiles();
const cifar = cifarFiles();
const image = await png();
let folders = 0;

/** The main job on a folder with these files; nothing of it may remain. */
function refused(
  format: "cifar10" | "idx" | "images",
  files: Files,
  says: readonly (string | RegExp)[],
  model = format === "idx" ? file("model.onnx") : colourModel,
): () => Refusal {
  return () => {
    const name = `data-${folders++}`;
    for (const [path, content] of Object.entries(files)) file(`${name}/${path}`, content);
    const out = file(`run-${folders}`);
    const data = ["--data", `${format}:${file(name)}`];
    const args = ["obfuscate", model, ...data, "--depth", "3", "--epochs", "1", "--out", out];
    return { args, code: 4, says: [name, ...says] };
  };
}

const two = (images: Files): Files => ({
  "train/cat/1.png": image,
  "train/dog/1.png": image,
  "test/cat/1.png": image,
  "test/dog/1.png": image,
  ...images,
});
const without = (files: Files, name: string): Files =>
  Object.fromEntries(Object.entries(files).filter(([key]) => key !== name));

refusals({
  "a folder that does not exist": () => ({
    args: ["evaluate", model, "--data", `idx:${file("nowhere")}`],
    code: 4,
    says: [/data folder .*nowhere does not exist/],
  }),
  "a file instead of a folder": () => ({
    args: ["evaluate", colourModel, "--data", `cifar10:${model}`],
    code: 4,
    says: [/model\.onnx is not a folder/],
  }),
  "an IDX file cut short": refused(
    "idx",
    { ...idx, "train-images-idx3-ubyte": idx["train-images-idx3-ubyte"]!.subarray(0, -1) },
    ["train-images-idx3-ubyte is cut short", "expected 16400 bytes for 64 × 16 × 16, got 16399"],
  ),
  "an IDX header cut short": refused(
    "idx",
    { ...idx, "t10k-labels-idx1-ubyte": new Uint8Array(5) },
    ["t10k-labels-idx1-ubyte"],
  ),
  "two IDX files with faults, both named": refused(
    "idx",
    {
      ...idx,
      "train-labels-idx1-ubyte": idx["train-labels-idx1-ubyte"]!.subarray(0, -3),
      "t10k-images-idx3-ubyte": "",
    },
    ["train-labels-idx1-ubyte is cut short", "t10k-images-idx3-ubyte"],
  ),
  "another magic number": refused(
    "idx",
    { ...idx, "train-images-idx3-ubyte": Buffer.from("PK\u0003\u0004 not IDX at all") },
    ["train-images-idx3-ubyte"],
  ),
  "damaged gzip": refused(
    "idx",
    {
      ...without(idx, "train-images-idx3-ubyte"),
      "train-images-idx3-ubyte.gz": gzipSync(idx["train-images-idx3-ubyte"]!).subarray(0, 500),
    },
    ["train-images-idx3-ubyte.gz"],
  ),
  "no labels": refused("idx", without(idx, "train-labels-idx1-ubyte"), [
    "train-labels-idx1-ubyte (or train-labels-idx1-ubyte.gz) does not exist",
  ]),
  "fewer labels than images": refused(
    "idx",
    { ...idx, "train-labels-idx1-ubyte": idxFile([60], new Uint8Array(60)) },
    ["64", "60"],
  ),
  "zero images": refused("idx", idxFiles({ train: 0, test: 0 }), [/train-images-idx3-ubyte/]),
  "sizes that differ between training and test": refused(
    "idx",
    { ...idx, "t10k-images-idx3-ubyte": idxFiles({ size: 8 })["t10k-images-idx3-ubyte"]! },
    ["16", "8"],
  ),
  "images of another size than the model's": refused("idx", idxFiles({ size: 20 }), [
    "1×16×16",
    "1×20×20",
  ]),
  "more labels than the model has outputs": refused(
    "idx",
    idx,
    [/labels up to 3/, "only 2 outputs"],
    file("binary.onnx", residualModel({ classes: 2 })),
  ),
  "a CIFAR file cut short": refused(
    "cifar10",
    { ...cifar, "data_batch_1.bin": cifar["data_batch_1.bin"]!.subarray(0, 10_000) },
    ["data_batch_1.bin is cut short", "3073", "got 10000 bytes"],
  ),
  "no CIFAR test batch": refused("cifar10", without(cifar, "test_batch.bin"), [
    "test_batch.bin does not exist",
  ]),
  "an empty CIFAR file": refused("cifar10", { ...cifar, "test_batch.bin": "" }, [
    "test_batch.bin is empty",
  ]),
  "a gap between CIFAR files": refused(
    "cifar10",
    { ...cifar, "data_batch_3.bin": cifar["data_batch_1.bin"]! },
    ["data_batch_2.bin does not exist"],
  ),
  "a CIFAR label beyond the classes": refused(
    "cifar10",
    { ...cifar, "test_batch.bin": new Uint8Array(3073).fill(77) },
    ["test_batch.bin has the label 77 in record 0", "expected 0 to 9"],
  ),
  "grey images for a model of colours": () => {
    for (const [name, content] of Object.entries(idx)) file(`grey/${name}`, content);
    const args = ["evaluate", colourModel, "--data", `idx:${file("grey")}`];
    return { args, code: 4, says: ["3×32×32", "1×16×16"] };
  },
  "no test images": refused("images", { "train/cat/1.png": image }, [
    "test/ (or val/, valid/, validation/) does not exist",
  ]),
  "no images at all": refused("images", { "readme.txt": "" }, ["train/ does not exist", "test/"]),
  "a class without images": refused("images", two({ "train/emu/.keep": "" }), [
    "train/emu holds no image",
  ]),
  "a class that only the test images have": refused("images", two({ "test/emu/1.png": image }), [
    'class "emu" is in test but not in train',
  ]),
  "images beside the class folders": refused("images", two({ "train/1.png": image }), [
    "train/1.png is not a folder: expected train/CLASS/IMAGE",
  ]),
  "a damaged image": refused(
    "images",
    two({ "train/cat/2.png": image.subarray(0, image.length - 30) }),
    ["train/cat/2.png"],
  ),
  "two files that are no images": refused(
    "images",
    two({ "train/cat/2.png": "not a PNG", "test/dog/3.jpg": "" }),
    ["train/cat/2.png", "test/dog/3.jpg"],
  ),
  "an image that needs another decoder": refused(
    "images",
    two({ "train/cat/2.png": '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16"/>' }),
    ["train/cat/2.png"],
  ),
  "no complaint of sizes, where the model cannot be read": async () => {
    const files = { ...two({}), "train/cat/2.png": await png(24) };
    for (const [path, content] of Object.entries(files)) file(`unread/${path}`, content);
    const data = ["--data", `images:${file("unread")}`, "--out", file("run-unread")];
    const says = [/nowhere\.onnx: does not exist/, /^(?![\s\S]*cannot be used)/];
    return { args: ["obfuscate", file("nowhere.onnx"), ...data], code: 3, says };
  },
  "mixed sizes, where the model leaves the size open": refused(
    "images",
    two({ "test/dog/2.png": await png(24) }),
    ["test/dog/2.png is 24×24", "not 16×16"],
    openModel,
  ),
  "model and data both wrong, both named": () => {
    const path = file("broken.onnx", "no model");
    const data = `idx:${file("lost")}`;
    const out = file("both");
    const args = ["obfuscate", path, "--data", data, "--depth", "3", "--epochs", "1", "--out", out];
    return { args, code: 3, says: ["broken.onnx", /lost does not exist/] };
  },
});
