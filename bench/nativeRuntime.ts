// ONNX Runtime for Node, on one thread.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { ResourceError } from "../src/errors.ts";
import { fromFloat32, toFloat32 } from "../src/graph/tensorData.ts";
import { OnnxSession } from "../src/runtime/index.ts";

/** A model's file, with images to run it on and the seconds that measuring may take. */
export interface Model {
  readonly path: string;
  readonly input: string;
  readonly shape: readonly number[];
  readonly images: Float32Array;
  readonly seconds: number;
}

/** The first output on all images, and the median milliseconds of one image. */
export interface Answer {
  readonly version: string;
  readonly logits: ArrayLike<number>;
  readonly milliseconds: number;
}

/** Runs a model; the reason as a text where the package is not installed or does not load. */
export async function inNode({
  path,
  input,
  shape,
  images,
  seconds,
}: Model): Promise<Answer | string> {
  const name = "onnxruntime-node";
  try {
    await using session = await OnnxSession.open(path, { threads: 1 });
    if (session.runtime !== name) return "not installed, or does not load";
    const results = await session.run({ [input]: fromFloat32(shape, images) });
    const logits = toFloat32(results[session.outputs[0]!.name]!);
    const milliseconds = await session.latency({ batch: 1, shape: shape.slice(1), seconds });
    return { version: versionOf(name), logits, milliseconds };
  } catch (error) {
    if (!(error instanceof ResourceError)) throw error;
    return error.message.split("\n")[0]!;
  }
}

/** The version of an installed package. */
export function versionOf(name: string): string {
  const entry = createRequire(import.meta.url).resolve(name);
  const [folder] = entry.split(/(?<=node_modules[\\/][^\\/]+)[\\/]/);
  return JSON.parse(readFileSync(join(folder!, "package.json"), "utf8")).version;
}
