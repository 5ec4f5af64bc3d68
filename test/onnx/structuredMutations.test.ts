// Real models with a few of their parts changed into others that the format allows: each is answered, or refused
// with a ModelError, soon and in few words. DEEPOBF_MUTATIONS sets how many, DEEPOBF_SEED which ones.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { onnxTestData } from "../../native/system.mjs";
import { assertSupported } from "../../src/engine/index.ts";
import { signatures } from "../../src/engine/signatures.ts";
import { ModelError } from "../../src/errors.ts";
import { inspectGraph } from "../../src/evaluate/inspect.ts";
import { foldBatchNorm, foldConstants, freeBatch, stripNames } from "../../src/graph/rewrites.ts";
import {
  AttributeProtoSchema,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  TensorProtoSchema,
} from "../../src/onnx/generated/onnx_pb.ts";
import { parseModel } from "../../src/onnx/index.ts";
import { generator, type Random } from "../random.ts";

const count = Number(process.env.DEEPOBF_MUTATIONS ?? 600);
const seed = Number(process.env.DEEPOBF_SEED ?? 1);
const suite = onnxTestData().found ?? "";
const examples = new URL("../../examples/", import.meta.url).pathname;

const sizes = [0n, 1n, -1n, 2n, 3n, 7n, 64n, 65536n, 2n ** 31n - 1n, 2n ** 40n, 2n ** 63n - 1n];
const names = ["", "constructor", "__proto__", "toString", "\n", "x".repeat(5000)];
const texts = [
  "",
  "SAME_UPPER",
  "VALID",
  "nonsense",
  "a->",
  "...,->",
  "constructor",
  "a".repeat(9000),
];

type Change = (model: ModelProto, random: Random) => void;

const one = <T>(list: readonly T[], random: Random): T | undefined =>
  list[random(list.length || 1)];

/** A node of the graph, or of a graph inside of one. */
function anyNode(graph: GraphProto, random: Random): NodeProto | undefined {
  const node = one(graph.node, random);
  const inner = node?.attribute.find(({ g }) => g !== undefined)?.g;
  return inner && random(2) ? anyNode(inner, random) : node;
}

/** Changes a weight's header in place: its bytes stay. */
function changeTensor(
  graph: GraphProto,
  random: Random,
  change: (tensor: ReturnType<typeof create<typeof TensorProtoSchema>>) => void,
): void {
  const index = random(graph.initializer.length || 1);
  const bytes = graph.initializer[index];
  if (!bytes) return;
  const tensor = fromBinary(TensorProtoSchema, bytes);
  change(tensor);
  graph.initializer[index] = toBinary(TensorProtoSchema, tensor);
}

const changes: readonly Change[] = [
  ({ graph }, random) => {
    const [node, other] = [anyNode(graph!, random), anyNode(graph!, random)];
    if (node && other) node.opType = other.opType;
  },
  ({ graph }, random) => {
    const node = anyNode(graph!, random);
    if (node) node.opType = one([...signatures.keys()], random)!;
  },
  ({ graph }, random) => {
    const [node, other] = [anyNode(graph!, random), anyNode(graph!, random)];
    const name = one([...(other?.input ?? []), ...(other?.output ?? []), ...names], random);
    if (node?.input.length) node.input[random(node.input.length)] = name ?? "";
  },
  ({ graph }, random) => void anyNode(graph!, random)?.input.reverse(),
  ({ graph }, random) => void anyNode(graph!, random)?.input.pop(),
  ({ graph }, random) => {
    const node = anyNode(graph!, random);
    if (node) for (let more = random(300); more > 0; more--) node.input.push(node.input[0] ?? "");
  },
  ({ graph }, random) => void anyNode(graph!, random)?.output.push(one(names, random)!),
  ({ graph }, random) => void graph!.node.splice(random(graph!.node.length || 1), 1),
  ({ graph }) => void graph!.node.reverse(),
  ({ graph }, random) => {
    const node = anyNode(graph!, random);
    const attribute = one(node?.attribute ?? [], random);
    if (!attribute) return;
    attribute.i = one(sizes, random)!;
    if (attribute.ints.length > 0)
      attribute.ints[random(attribute.ints.length)] = one(sizes, random)!;
    if (attribute.s.length > 0) attribute.s = Buffer.from(one(texts, random)!);
    attribute.f = one([0, -1, 1e30, Number.NaN, Number.POSITIVE_INFINITY], random)!;
  },
  ({ graph }, random) => {
    const attribute = one(anyNode(graph!, random)?.attribute ?? [], random);
    if (attribute) attribute.ints.push(...Array.from({ length: random(9000) }, () => 1n));
  },
  ({ graph }, random) => void anyNode(graph!, random)?.attribute.pop(),
  ({ graph }, random) => {
    const attribute = create(AttributeProtoSchema, {
      name: one(["axis", "axes", "group", ...names], random)!,
    });
    Object.assign(attribute, { type: 2, i: one(sizes, random)! });
    anyNode(graph!, random)?.attribute.push(attribute);
  },
  ({ graph }, random) =>
    changeTensor(graph!, random, (tensor) => {
      if (tensor.dims.length > 0) tensor.dims[random(tensor.dims.length)] = one(sizes, random)!;
    }),
  // Without elements, but with other sizes.
  ({ graph }, random) =>
    changeTensor(graph!, random, (tensor) => {
      tensor.dims = [one(sizes, random)!, one(sizes, random)!, 0n];
      Object.assign(tensor, { rawData: new Uint8Array(0), floatData: [], int64Data: [] });
    }),
  ({ graph }, random) =>
    changeTensor(graph!, random, (tensor) => void Object.assign(tensor, { dataType: random(20) })),
  ({ graph }, random) =>
    changeTensor(graph!, random, (tensor) => {
      for (let byte = 0; byte < tensor.rawData.length; byte += 1 + random(8))
        tensor.rawData[byte] = one([0, 1, 127, 255], random)!;
    }),
  ({ graph }, random) => {
    const type = one([...graph!.input, ...graph!.output], random)?.type?.value;
    if (type?.case !== "tensorType") return;
    type.value.elemType = one([1, 1, 1, 7, 10, 11], random)!;
    const dimension = one(type.value.shape?.dim ?? [], random);
    if (!dimension) return;
    dimension.value = random(2)
      ? { case: "dimValue", value: one(sizes, random)! }
      : { case: "dimParam", value: one(names, random)! };
  },
  ({ graph }, random) => {
    const value = one([...graph!.input, ...graph!.output], random);
    if (value) value.name = one(names, random)!;
  },
  ({ graph }, random) => {
    const node = anyNode(graph!, random);
    if (node) node.domain = one(["", "ai.onnx", "com.microsoft", ...names], random)!;
  },
  (model, random) => {
    for (const imported of model.opsetImport) imported.version = BigInt(6 + random(22));
  },
];

function analyse(bytes: Uint8Array): void {
  const graph = parseModel(bytes);
  const inspection = inspectGraph(graph);
  const { warnings } = inspection;
  JSON.stringify(inspection);
  for (const warning of warnings) expect(warning.length).toBeLessThan(40_000);
  freeBatch(stripNames(foldBatchNorm(foldConstants(graph))));
}

function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  for (let times = 1 + random(3); times > 0; times--) one(changes, random)!(model, random);
  return toBinary(ModelProtoSchema, model);
}

function filesBelow(folder: string, end: string): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true }).map(String);
  return files
    .filter((name) => name.endsWith(end))
    .map((name) => join(folder, name))
    .sort();
}

const subjects = [
  ...filesBelow(examples, ".onnx").filter((path) => /resnet8|densenet/.test(path)),
  ...filesBelow(suite, "model.onnx"),
];

describe("real models, changed within the format", () => {
  test(`are answered or refused, ${count} times`, { timeout: 60_000 + 200 * count }, () => {
    const outcomes = { answered: 0, refused: 0 };
    const most = { seconds: 0, bytes: 0 };
    for (let number = 0; number < count; number++) {
      const random = generator(seed * 1_000_003 + number);
      // Every eighth is one of the larger networks.
      const path = number % 8 === 0 ? subjects[random(2)]! : one(subjects, random)!;
      const bytes = mutate(readFileSync(path), random);
      const start = process.cpuUsage();
      try {
        analyse(bytes);
        outcomes.answered++;
      } catch (error) {
        if (!(error instanceof ModelError))
          throw new Error(`mutation ${number} of ${path}`, { cause: error });
        expect(error.message.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
        most.bytes = Math.max(most.bytes, error.message.length);
        outcomes.refused++;
      }
      most.seconds = Math.max(most.seconds, process.cpuUsage(start).user / 1e6);
    }
    expect(most.seconds).toBeLessThan(5);
    expect(most.bytes).toBeLessThan(100_000);
    // Both happen, or the mutations would prove nothing.
    expect(outcomes.answered).toBeGreaterThan(count / 20);
    expect(outcomes.refused).toBeGreaterThan(count / 20);
  });
});

describe.skipIf(!suite)("attributes of supported operators", () => {
  /** One model for each attribute of each operator, as the suite's own models have them. */
  function* withAttributes() {
    const seen = new Set<string>();
    for (const path of filesBelow(suite, "model.onnx")) {
      const bytes = readFileSync(path);
      const model = fromBinary(ModelProtoSchema, bytes);
      for (const [index, { opType, domain, attribute }] of (model.graph?.node ?? []).entries()) {
        for (const [position, { name, type }] of attribute.entries()) {
          const isSupported = domain === "" && signatures.has(opType) && type < 4;
          if (!isSupported || seen.has(`${opType} ${name}`)) continue;
          seen.add(`${opType} ${name}`);
          yield { bytes, index, position, opType, name };
        }
      }
    }
  }

  test("of another type are refused, with the node and the attribute", () => {
    let refused = 0;
    for (const { bytes, index, position, opType, name } of withAttributes()) {
      const model = fromBinary(ModelProtoSchema, bytes);
      const attribute = model.graph!.node[index]!.attribute[position]!;
      Object.assign(attribute, create(AttributeProtoSchema, { name, strings: [Buffer.from("a")] }));
      attribute.type = 8;
      const read = () => assertSupported(parseModel(toBinary(ModelProtoSchema, model)));
      expect(read, `${opType} ${name}`).toThrow(ModelError);
      refused++;
    }
    expect(refused).toBeGreaterThanOrEqual(100);
  });
});
