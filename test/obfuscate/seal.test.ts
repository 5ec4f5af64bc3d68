import { describe, expect, test } from "vitest";
import { Network } from "../../src/engine/index.ts";
import { ModelError } from "../../src/errors.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { findBoundary } from "../../src/graph/cuts.ts";
import type { Graph, ValueInfo } from "../../src/graph/graph.ts";
import { uniform } from "../../src/graph/random.ts";
import { compose, cutGraph, foldBatchNorm, foldConstants } from "../../src/graph/rewrites.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { fromFloat32, typedView } from "../../src/graph/tensorData.ts";
import { densenet, type Layer, resnet, sequential } from "../../src/models/index.ts";
import { planChain } from "../../src/obfuscate/index.ts";
import { nameChainInput, seal } from "../../src/obfuscate/seal.ts";
import { encodeModel, parseModel } from "../../src/onnx/index.ts";
import { OnnxSession } from "../../src/runtime/index.ts";
import { scope, tensor } from "../../src/torch/index.ts";
import { attributes, int64 } from "../graph/graphs.ts";
import { evaluate, type Result, randomInput, relativeDifference } from "../graph/onnxruntime.ts";

/** Parameters as training leaves them: no batch norm is the identity. */
function trained(graph: Graph): Graph {
  const initializers = [...graph.initializers].map(([name, value]) => {
    const random = uniform({ seed: 6, name }, value.data.length / 4);
    // Behind pooling the scale stays 1.
    const isPooled = graph.nodes.some(
      ({ operator, inputs }) =>
        operator === "BatchNormalization" && inputs[1] === name && inputs[0]!.startsWith("MaxPool"),
    );
    if (!/^bn/.test(name) || isPooled) return [name, value] as const;
    const isPositive = /\.(running_var|weight)$/.test(name);
    const values = random.map((u) => (isPositive ? 0.2 + 2 * u : u - 0.5));
    return [name, fromFloat32(value.shape, values)] as const;
  });
  return { ...graph, initializers: new Map(initializers) };
}

/** The chain that is planned for an original, as if it were trained, and the original's classifier. */
function prepared(
  model: Graph,
  { depth = 4, boundary: name }: { depth?: number; boundary?: string } = {},
) {
  const original = foldConstants(model);
  const facts = inferShapes(original);
  const boundary = findBoundary(original, facts, name);
  const { extractor, classifier } = cutGraph(original, boundary.tensor, facts);
  const plan = planChain(extractor, facts, { depth, boundary });
  const chain = trained(sequential(plan.layers, { shape: plan.input }));
  return { chain: nameChainInput(chain, original), classifier, depth };
}

type Head = (builder: GraphBuilder, features: string) => string;

/** An original of two convolutions that ends in a classifier of any kind. */
function original(head: Head, opset = 17): Graph {
  const build = new GraphBuilder({ seed: 3, opset });
  let x = build.input("image", ["N", 3, 12, 12]);
  for (const [name, stride] of [
    ["secretStem", 1],
    ["secretBody", 2],
  ] as const) {
    const conv = build.conv(x, { name, outputs: 6, kernel: 3, padding: 1, stride });
    x = build.relu(build.batchNorm(conv, { name: `${name}.norm` }));
  }
  build.output(head(build, x), "logits");
  return { ...build.build(), name: "secretNetwork" };
}

const linear = (builder: GraphBuilder, x: string, outputs = 5, name = "secretHead") =>
  builder.linear(x, { name, outputs });
const pooled = (builder: GraphBuilder, x: string) => builder.flatten(builder.globalAveragePool(x));

const heads: Readonly<Record<string, Head>> = {
  "global pooling": (b, x) => linear(b, pooled(b, x)),
  "average pooling": (b, x) => linear(b, b.flatten(b.averagePool(x, { kernel: 3 }))),
  "max pooling": (b, x) => linear(b, b.flatten(b.maxPool(x, { kernel: 2 }))),
  "no pooling": (b, x) => linear(b, b.flatten(x)),
  "a mean over height and width": (b, x) =>
    linear(b, b.node("ReduceMean", [x], { attributes: attributes({ axes: [2, 3], keepdims: 0 }) })),
  "a mean over width, from behind": (b, x) =>
    linear(b, b.flatten(b.node("ReduceMean", [x], { attributes: attributes({ axes: [-1] }) }))),
  "a mean over rows and channels": (b, x) =>
    linear(b, b.node("ReduceMean", [x], { attributes: attributes({ axes: [1, 2], keepdims: 0 }) })),
  "a mean over channels": (b, x) =>
    linear(
      b,
      b.flatten(b.node("ReduceMean", [x], { attributes: attributes({ axes: [1], keepdims: 1 }) })),
    ),
  "two linear layers": (b, x) => linear(b, b.relu(linear(b, pooled(b, x), 7, "hidden"))),
  "batch norm between linear layers": (b, x) =>
    linear(b, b.batchNorm(linear(b, pooled(b, x), 7, "hidden"), { name: "headNorm" })),
  "batch norm behind pooling": (b, x) =>
    linear(b, b.flatten(b.batchNorm(b.globalAveragePool(x), { name: "headNorm" }))),
  "softmax and dropout": (b, x) =>
    b.node("Softmax", [linear(b, b.node("Dropout", [pooled(b, x)]))]),
  "two readers of the features": (b, x) =>
    linear(b, b.concat([pooled(b, x), b.flatten(b.node("GlobalMaxPool", [x]))])),
  "a transposed map": (b, x) =>
    linear(
      b,
      b.flatten(b.node("Transpose", [x], { attributes: attributes({ perm: [0, 2, 3, 1] }) })),
    ),
};

/** Logits of random images: what libtorch gives before sealing, what ONNX Runtime gives after it. */
async function logitsOf(before: Graph, sealed: Graph): Promise<[Result, Result]> {
  const [{ name, shape: declared }] = sealed.inputs as [ValueInfo];
  const shape = [6, ...(declared!.slice(1) as number[])];
  const { values } = randomInput(name, shape);
  const network = new Network(before);
  const ours = scope(() => {
    const { logits } = network.forward({ [name]: tensor(values, { shape }) });
    return { shape: logits!.shape, values: Float32Array.from(logits!.numbers()) };
  });
  network.dispose();
  return [ours, (await evaluate(sealed, { [name]: shape })).logits!];
}

describe("seal", () => {
  test.each(Object.entries(heads))(
    "keeps the logits before a classifier of %s",
    async (_, head) => {
      const { chain, classifier, depth } = prepared(original(head));
      const sealed = seal(chain, classifier, { depth, seed: 1 });
      const [before, after] = await logitsOf(compose(chain, classifier), sealed);
      expect(relativeDifference(before, after)).toBeLessThan(1e-4);
      expect(new Set(before.values).size).toBeGreaterThan(20);
    },
  );

  test.each([9, 11, 13, 17, 18, 21])("keeps the logits of originals of opset %d", async (opset) => {
    const mean: Head = (b, x) => {
      const axes = b.initializer("axes", int64(2, 3));
      return b.node("ReduceMean", [x, axes], { attributes: attributes({ keepdims: 0 }) });
    };
    const model = original((b, x) => linear(b, opset < 18 ? pooled(b, x) : mean(b, x)), opset);
    const { chain, classifier, depth } = prepared(model);
    const sealed = seal(chain, classifier, { depth, seed: 1 });
    const read = parseModel(encodeModel(sealed));
    const [before, after] = await logitsOf(compose(chain, classifier), read);
    expect(relativeDifference(before, after)).toBeLessThan(1e-4);
  });

  test.each([
    ["resnet", resnet({ depth: 8, widths: [4, 6, 8], shape: [3, 16, 16] })],
    ["densenet", densenet({ depth: 10, growth: 4, shape: [3, 16, 16] })],
    ["batch norm in the classifier", original(heads["batch norm between linear layers"]!)],
  ])("leaves nothing but the chain and the classifier: %s", (_, model) => {
    for (const depth of [2, 3, 5, 7]) {
      const { chain, classifier } = prepared(model, { depth });
      const bytes = encodeModel(seal(chain, classifier, { depth, seed: 2 }));
      const read = parseModel(bytes);
      const operators = read.nodes.map(({ operator }) => operator);
      expect(operators.filter((each) => each === "Conv")).toHaveLength(depth);
      expect(operators.filter((each) => each === "BatchNormalization")).toHaveLength(0);
      expect(operators.filter((each) => each === "Gemm").length).toBeGreaterThan(0);
      expect(read.opset).toBe(17);

      const kept = [...read.inputs, ...read.outputs].map(({ name }) => name);
      expect(kept).toEqual([model.inputs[0]!.name, "logits"]);
      const names = new Set([
        ...read.nodes.flatMap((node) => [node.name, ...node.inputs, ...node.outputs]),
        ...read.initializers.keys(),
      ]);
      for (const name of kept) names.delete(name);
      expect([...names].filter((name) => !/^\d*$/.test(name))).toEqual([]);
      const text = Buffer.from(bytes).toString("latin1");
      expect(text).not.toMatch(/secret|chain|conv\d|layer|dense|weight|torch|deepobf/i);
    }
  });

  test("keeps the value of padding before max pooling from ONNX Runtime's fusion", async () => {
    let boundary = "";
    const model = original((b, x) => {
      boundary = b.node("Neg", [x]);
      const pads = b.initializer("pads", int64(0, 0, 1, 1, 0, 0, 1, 1));
      const padded = b.node("Pad", [boundary, pads]);
      return linear(b, b.flatten(b.maxPool(padded, { kernel: 2 })));
    });
    const { chain, classifier, depth } = prepared(model, { boundary });
    const sealed = seal(chain, classifier, { depth, seed: 1 });
    const { shape, values } = randomInput("image", [6, 3, 12, 12]);
    await using session = await OnnxSession.open(encodeModel(sealed));
    const { logits } = await session.run({ image: fromFloat32(shape, values) });
    const [trained] = await logitsOf(compose(chain, classifier), sealed);
    const shipped = { shape: logits!.shape, values: typedView(logits!) as Float32Array };
    expect(relativeDifference(trained, shipped)).toBeLessThan(1e-4);
  });

  test("ships no weight of the trained chain as it was", () => {
    const { chain, classifier, depth } = prepared(original(heads["global pooling"]!));
    const sealed = seal(chain, classifier, { depth, seed: 2 });
    const before = [...chain.initializers.values(), ...classifier.initializers.values()];
    const large = [...sealed.initializers.values()].filter(({ data }) => data.length > 200);
    expect(large.length).toBeGreaterThanOrEqual(depth);
    for (const { data } of large) {
      expect(before.some((each) => Buffer.from(each.data).equals(data))).toBe(false);
    }
  });

  test("depends on the seed alone", () => {
    const { chain, classifier, depth } = prepared(original(heads["global pooling"]!));
    const bytes = (seed: number) =>
      Buffer.from(encodeModel(seal(chain, classifier, { depth, seed }))).toString("base64");
    expect(bytes(1)).toBe(bytes(1));
    expect(bytes(1)).not.toBe(bytes(2));
  });

  test("has the same form without a seed, and weights as they are", () => {
    const { chain, classifier, depth } = prepared(original(heads["global pooling"]!));
    const [plain, sealed] = [undefined, 1].map((seed) => seal(chain, classifier, { depth, seed }));
    const form = ({ nodes, initializers }: Graph) => ({
      nodes,
      shapes: [...initializers].map(([name, { shape }]) => [name, shape]),
    });
    expect(form(plain!)).toEqual(form(sealed!));
    const values = ({ initializers }: Graph) => [...initializers.values()].map(({ data }) => data);
    expect(values(plain!)).toEqual(expect.arrayContaining(values(foldBatchNorm(chain))));
  });

  const layer: Layer = {
    outputs: 4,
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1, 1],
    pool: true,
    activation: "relu",
  };

  /** A chain of one pooling layer, and a classifier for it. */
  function poolingChain() {
    const build = new GraphBuilder();
    const features = build.input("features", ["N", 4, 6, 6]);
    build.output(linear(build, pooled(build, features)), "logits");
    return { chain: sequential([layer], { shape: [3, 12, 12] }), classifier: build.build() };
  }

  test("refuses a batch norm behind pooling whose scale is not positive", () => {
    const { chain, classifier } = poolingChain();
    const scale = (...values: number[]) => ({
      ...chain,
      initializers: new Map([
        ...chain.initializers,
        ["bn1.weight", fromFloat32([4], Float32Array.from(values))] as const,
      ]),
    });
    const options = { depth: 1, seed: 0 };
    expect(seal(scale(1, 1, 2, 0.5), classifier, options).nodes).toHaveLength(6);
    for (const last of [0, -1, Number.NaN]) {
      const sealing = () => seal(scale(1, 1, 2, last), classifier, options);
      expect(sealing).toThrow(ModelError);
      expect(sealing).toThrow(/BatchNormalization node "bn1" cannot be folded/);
    }
  });

  test("refuses another number of convolutions", () => {
    const { chain, classifier } = poolingChain();
    expect(() => seal(chain, classifier, { depth: 2, seed: 0 })).toThrow(
      "expected 2 convolutions in the sealed chain, found 1",
    );
  });
});
