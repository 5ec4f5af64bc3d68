// What int8 costs a shipped file: its accuracy as it is, by DeepObf's int8, and by ONNX Runtime's own static quantizer
// in QDQ form, with one scale for a layer's weights and with one for each channel, as its users run it.
//   npm run bench:quantizers -- SHIPPED --data DATA [--mean A,B,C] [--std A,B,C] [--python PATH] [--record NAME]
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Data, type Dataset, hostBatches, loadData, sampleOf } from "../src/data/index.ts";
import { ResourceError } from "../src/errors.ts";
import { answer, compare, OnnxClassifier } from "../src/evaluate/index.ts";
import { readModel } from "../src/onnx/index.ts";
import { quantizeShipped } from "../src/quantize/index.ts";
import { parseOptions, refuse } from "./options.ts";
import { peerScript } from "./python.ts";
import { report } from "./report.ts";

const threads = 1;
const imagesToCalibrate = 512;

const { values, positionals } = parseOptions({
  allowPositionals: true,
  options: {
    data: { type: "string" },
    mean: { type: "string", default: "0" },
    std: { type: "string", default: "1" },
    python: { type: "string", default: "python3" },
    record: { type: "string" },
  },
});
const [shipped] = positionals;
if (!shipped || !values.data) {
  refuse("expected a shipped file: npm run bench:quantizers -- SHIPPED --data DATA");
}
const numbers = (text: string) => text.split(",").map(Number);
const normalization = { mean: numbers(values.mean), std: numbers(values.std) };
const data = await loadData(values.data);
const folder = mkdtempSync(join(tmpdir(), "deepobf-quantizers-"));
try {
  const model = join(folder, "model.onnx");
  copyFileSync(shipped, model);
  const [tensor, channel] = [join(folder, "tensor.onnx"), join(folder, "channel.onnx")];
  const version = await quantizeInPython(model, { tensor, channel });
  const own = await quantizeHere(model, data);
  const results = {
    onnxruntime: version,
    images: data.test.count,
    float32: await judge(model, model),
    int8: { accuracy: own.accuracy, agreement: own.agreement },
    perTensor: await judge(tensor, model),
    perChannel: await judge(channel, model),
  };
  report("quantizers", { rounds: 1, threads, record: values.record }, { results });
} finally {
  rmSync(folder, { recursive: true });
}

/** Shares of the test images that are classified rightly, and as `reference` does. */
async function judge(path: string, reference: string) {
  await using first = await OnnxClassifier.open(reference, data.test, { threads });
  await using second = await OnnxClassifier.open(path, data.test, { threads });
  const { evaluations, agreement } = await compare([first, second], data.test, normalization);
  return { accuracy: evaluations[1].accuracy, agreement };
}

async function quantizeHere(path: string, { train, test }: Data) {
  const graph = await readModel(path);
  await using classifier = await OnnxClassifier.open(path, test, { threads });
  const { classes: originalClasses } = await answer(classifier, test, normalization);
  const shared = { ...normalization, train, test, threads };
  const options = { ...shared, layout: "NCHW", originalClasses } as const;
  const { files } = await quantizeShipped({ graph, path }, ["int8"], options);
  return files.int8!;
}

/** Writes both files; gives the quantizer's version. */
async function quantizeInPython(
  model: string,
  { tensor, channel }: { tensor: string; channel: string },
): Promise<string> {
  const file = join(folder, "images");
  const sample: Dataset = sampleOf(data.train, imagesToCalibrate);
  for await (const { images } of hostBatches(sample, { ...normalization, batch: sample.count })) {
    writeFileSync(file, images.data);
  }
  const shape = [sample.count, ...sample.shape].join(",");
  const parameters = [peerScript("quantize"), model, file, shape, tensor, channel];
  const { status, stdout, stderr, error } = spawnSync(values.python, parameters, {
    encoding: "utf8",
  });
  if (status === 0) return stdout.trim().split("\n").at(-1)!;
  const reason = error?.message ?? stderr.trim().split("\n").at(-1);
  throw new ResourceError(`${values.python} cannot quantize: ${reason}`);
}
