// ONNX Runtime in this process, as the judge of what a graph computes.
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import * as ort from "onnxruntime-node";
import type { Graph, TensorData } from "../../src/graph/graph.ts";
import { normal } from "../../src/graph/random.ts";
import { fromFloat32, typedView } from "../../src/graph/tensorData.ts";
import { ModelProtoSchema } from "../../src/onnx/generated/onnx_pb.ts";
import { encodeModel } from "../../src/onnx/index.ts";

export interface Result {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Float outputs of a graph by name, for float inputs given by shape (random) or by values. */
export async function evaluate(
  graph: Graph,
  inputs: Readonly<Record<string, readonly number[] | Result>>,
): Promise<Record<string, Result>> {
  const feeds = Object.entries(inputs).map(([name, given]) => {
    const { shape, values } = "shape" in given ? given : randomInput(name, given);
    return [name, fromFloat32(shape, values)] as const;
  });
  const results = Object.entries(await runModel(encodeModel(graph), Object.fromEntries(feeds)));
  return Object.fromEntries(
    results.map(([name, tensor]) => [
      name,
      { shape: tensor.shape, values: typedView(tensor) as Float32Array },
    ]),
  );
}

/** Outputs of a model file by name, of any type, for inputs of any type. */
export async function runModel(
  file: Uint8Array,
  inputs: Readonly<Record<string, TensorData>>,
): Promise<Record<string, TensorData>> {
  const session = await ort.InferenceSession.create(file, {
    intraOpNumThreads: 1,
    graphOptimizationLevel: "disabled",
    logSeverityLevel: 4,
  });
  const feeds = Object.entries(inputs).map(([name, tensor]) => {
    const elements = typedView(tensor) as Float32Array;
    return [name, new ort.Tensor(tensor.dtype as "float32", elements, [...tensor.shape])] as const;
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { type, dims, data }]) => {
      const { buffer, byteOffset, byteLength } = data as Float32Array;
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      return [name, { dtype: type as TensorData["dtype"], shape: dims, data: bytes }];
    }),
  );
}

export function randomInput(name: string, shape: readonly number[]): Result {
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape, values: normal({ seed: 1, name }, count) };
}

/** Largest difference of two results over the largest magnitude of the first. */
export function relativeDifference(a: Result, b: Result): number {
  if (String(a.shape) !== String(b.shape)) return Number.POSITIVE_INFINITY;
  const magnitude = a.values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
  const difference = a.values.reduce((most, v, i) => Math.max(most, Math.abs(v - b.values[i]!)), 0);
  return difference / magnitude;
}

/** A file with operators of ONNX Runtime's own, which are not written otherwise. */
export function encodeOwn(model: Graph): Uint8Array {
  const plain = { ...model, nodes: model.nodes.map((node) => ({ ...node, domain: "" })) };
  const file = fromBinary(ModelProtoSchema, encodeModel(plain));
  model.nodes.forEach(({ outputs, domain }) => {
    const found = file.graph!.node.find(({ output }) => output[0] === outputs[0])!;
    found.domain = domain;
  });
  const domains = [...new Set(model.nodes.map(({ domain }) => domain))].filter(Boolean);
  const versions = domains.map((domain) => ({ ...file.opsetImport[0]!, domain, version: 1n }));
  return toBinary(ModelProtoSchema, { ...file, opsetImport: [...file.opsetImport, ...versions] });
}
