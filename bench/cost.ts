// How well the time in ONNX Runtime is foretold: estimated beside measured processor time on one thread for a
// batch, for networks of many kinds and the chains planned for them. The least of several rounds is taken, so
// that what else the machine does disturbs little.
import * as ort from "onnxruntime-node";
import { median } from "../src/averages.ts";
import { estimateTime } from "../src/graph/cost.ts";
import { findBoundary } from "../src/graph/cuts.ts";
import type { Graph } from "../src/graph/graph.ts";
import { cutGraph, foldBatchNorm } from "../src/graph/rewrites.ts";
import { inferShapes } from "../src/graph/shapes.ts";
import { architectures, sequential } from "../src/models/index.ts";
import { planChain } from "../src/obfuscate/index.ts";
import { encodeModel } from "../src/onnx/index.ts";
import {
  efficientNet,
  mobilenetV2,
  mobilenetV3,
  ppLcnet,
  resnext,
  shufflenetV2,
} from "./networks.ts";
import { parseOptions } from "./options.ts";

const small = [3, 32, 32] as const;
const large = [3, 128, 128] as const;

/** Networks by name. The chains planned by seven for them are measured, too. */
const networks: Readonly<Record<string, () => Graph>> = {
  resnet20: () => architectures.resnet20!(),
  resnet56: () => architectures.resnet56!(),
  resnet18: () => architectures.resnet18!({ shape: large }),
  densenet: () => architectures.densenet!(),
  "googlenet-half": () => architectures["googlenet-half"]!(),
  "MobileNetV2 32": () => mobilenetV2(small, { stride: 1 }),
  "MobileNetV2 128": () => mobilenetV2(large),
  "MobileNetV2 x0.5 128": () => mobilenetV2(large, { width: 0.5 }),
  "MobileNetV3 32": () => mobilenetV3(small, { stride: 1 }),
  "MobileNetV3 128": () => mobilenetV3(large),
  "MobileNetV3 spelled 128": () => mobilenetV3(large, { isSpelled: true }),
  "EfficientNet 32": () => efficientNet(small, 1),
  "EfficientNet 128": () => efficientNet(large),
  "ResNeXt 32x4 32": () => resnext(small),
  "ResNeXt 8x16 32": () => resnext(small, { groups: 8, width: 16 }),
  "PP-LCNet 32": () => ppLcnet(small, { stride: 1 }),
  "PP-LCNet 128": () => ppLcnet(large),
  "PP-LCNet x0.5 128": () => ppLcnet(large, { width: 0.5 }),
  "ShuffleNetV2 32": () => shufflenetV2(small, 1),
  "ShuffleNetV2 128": () => shufflenetV2(large),
};

const { values: options } = parseOptions({
  options: {
    rounds: { type: "string", default: "7" },
    batch: { type: "string", default: "16" },
    only: { type: "string", default: "" },
  },
});
const [rounds, batch] = [Number(options.rounds), Number(options.batch)];

interface Subject {
  readonly name: string;
  /** Of the time, in MACs. */
  readonly estimate: number;
  readonly session: ort.InferenceSession;
  readonly input: Record<string, ort.Tensor>;
  milliseconds: number;
}

/** The extractor of a network, its batch norms folded, as the plan estimates it. */
function extractorOf(network: Graph): Graph {
  const facts = inferShapes(network);
  const boundary = findBoundary(network, facts);
  const features = { ...network.outputs[0]!, name: boundary.tensor, shape: undefined };
  const folded = foldBatchNorm({ ...network, outputs: [...network.outputs, features] });
  return cutGraph({ ...folded, outputs: network.outputs }, boundary.tensor).extractor;
}

function chainFor(extractor: Graph): Graph {
  const facts = inferShapes(extractor);
  const tensor = extractor.outputs[0]!.name;
  const boundary = { tensor, shape: facts.get(tensor)!.shape };
  const { layers, input } = planChain(extractor, facts, { depth: 7, boundary });
  return foldBatchNorm(sequential(layers, { shape: input }));
}

async function subject(name: string, graph: Graph): Promise<Subject> {
  const session = await ort.InferenceSession.create(encodeModel(graph), {
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  const [input] = graph.inputs;
  const shape = [batch, ...(input!.shape!.slice(1) as number[])];
  const count = shape.reduce((product, size) => product * size, 1);
  const data = Float32Array.from({ length: count }, (_, i) => Math.sin(i));
  const tensor = new ort.Tensor("float32", data, shape);
  const estimate = estimateTime(graph, inferShapes(graph));
  return { name, estimate, session, input: { [input!.name]: tensor }, milliseconds: Infinity };
}

const subjects: Subject[] = [];
for (const [name, build] of Object.entries(networks)) {
  if (!name.includes(options.only)) continue;
  const extractor = extractorOf(build());
  subjects.push(await subject(name, extractor));
  subjects.push(await subject(`${name}, chain`, chainFor(extractor)));
}
for (let round = 0; round <= rounds; round++) {
  for (const each of subjects) {
    const start = process.cpuUsage();
    const results = await each.session.run(each.input);
    const { user, system } = process.cpuUsage(start);
    for (const result of Object.values(results)) result.dispose();
    if (round > 0) each.milliseconds = Math.min(each.milliseconds, (user + system) / 1000);
  }
}

const perMac = subjects.map(({ estimate, milliseconds }) => milliseconds / estimate / batch);
const middle = median(perMac);
console.log("estimated over measured time, where a median network has 1");
console.log("network                     estimate, million   ms an image   estimated / measured");
for (const { name, estimate, milliseconds } of subjects) {
  const ratio = (estimate * middle * batch) / milliseconds;
  const columns = [
    (estimate / 1e6).toFixed(1),
    (milliseconds / batch).toFixed(3),
    ratio.toFixed(2),
  ];
  console.log(
    name.padEnd(32),
    columns[0]!.padStart(12),
    columns[1]!.padStart(13),
    columns[2]!.padStart(10),
  );
}
