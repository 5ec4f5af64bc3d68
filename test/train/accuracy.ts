// What a model file answers, counted without the code under test.
import * as ort from "onnxruntime-node";
import { type Dataset, hostBatches, type Normalization } from "../../src/data/index.ts";
import { typedView } from "../../src/graph/tensorData.ts";

/** The logits that ONNX Runtime gives each image. */
export async function logitsOf(
  model: string,
  images: Dataset,
  normalization: Normalization,
): Promise<number[][]> {
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 4 });
  const [input, output] = [session.inputNames[0]!, session.outputNames[0]!];
  const logits: number[][] = [];
  for await (const batch of hostBatches(images, { batch: 1, ...normalization })) {
    const values = typedView(batch.images) as Float32Array;
    const image = new ort.Tensor("float32", values, [...batch.images.shape]);
    const { data } = (await session.run({ [input]: image }))[output]!;
    logits.push([...(data as Float32Array)]);
  }
  await session.release();
  return logits;
}

/** The class that ONNX Runtime gives each image. */
export async function classesOf(
  model: string,
  images: Dataset,
  normalization: Normalization,
): Promise<number[]> {
  const logits = await logitsOf(model, images, normalization);
  return logits.map((row) => row.indexOf(Math.max(...row)));
}

/** Share of the images whose class is their label. */
export async function accuracyOf(
  model: string,
  images: Dataset,
  normalization: Normalization,
): Promise<number> {
  const classes = await classesOf(model, images, normalization);
  return classes.filter((each, i) => each === images.labels![i]).length / classes.length;
}
