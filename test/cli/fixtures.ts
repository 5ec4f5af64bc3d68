// Small models and data sets, written as real files.
import sharp from "sharp";
import { float, int, ints } from "../../src/graph/attributes.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Dimension, Graph } from "../../src/graph/graph.ts";
import { randomBits } from "../../src/graph/random.ts";

interface ModelOptions {
  readonly shape?: readonly Dimension[];
  readonly classes?: number;
  /** Name of the feature map at the boundary. */
  readonly features?: string;
}

/** A small residual classifier for 1×16×16 images and four classes. */
export function residualModel({ shape = ["N", 1, 16, 16], classes = 4 }: ModelOptions = {}): Graph {
  const build = new GraphBuilder({ seed: 1 });
  const image = build.input("image", shape);
  const layer = (x: string, name: string, outputs: number, stride = 1) =>
    build.batchNorm(build.conv(x, { name, outputs, kernel: 3, padding: 1, stride }), {
      name: `${name}.norm`,
    });
  const stem = build.relu(layer(image, "stem", 8));
  const inner = layer(build.relu(layer(stem, "block.first", 8)), "block.second", 8);
  const block = build.relu(build.add(stem, inner));
  const features = build.relu(layer(block, "last", 16, 2));
  const pooled = build.flatten(build.globalAveragePool(features));
  build.output(build.linear(pooled, { name: "classifier", outputs: classes }), "logits");
  return build.build();
}

/** A plain chain without any classifier after it. */
export function mapModel(): Graph {
  const build = new GraphBuilder();
  const image = build.input("image", ["N", 1, 16, 16]);
  build.output(build.relu(build.conv(image, { name: "only", outputs: 4, kernel: 3 })), "map");
  return build.build();
}

/** A model with one node of any operator behind its input. */
export function oneNodeModel(
  operator: string,
  { domain = "", shape = ["N", 1, 16, 16] as readonly Dimension[], name = operator } = {},
): Graph {
  const [input, output] = ["image", "result"];
  const node = { name, operator, domain, inputs: [input], outputs: [output], attributes: {} };
  return {
    name: "",
    opset: 17,
    inputs: [{ name: input, dtype: "float32", shape }],
    outputs: [{ name: output, dtype: "float32", shape: undefined }],
    nodes: [node],
    initializers: new Map(),
  };
}

/** A max pooling and a convolution with chosen attributes, in front of a classifier. */
export function convolutionModel(attributes: {
  kernel?: number;
  pads?: readonly number[];
  groups?: number;
  epsilon?: number;
}): Graph {
  const { kernel = 3, pads = [1, 1, 1, 1], groups = 1, epsilon = 1e-5 } = attributes;
  const graph = residualModel();
  return {
    ...graph,
    nodes: graph.nodes.map((node) =>
      node.name === "last"
        ? {
            ...node,
            attributes: {
              ...node.attributes,
              kernel_shape: ints([kernel, kernel]),
              pads: ints([...pads]),
              group: int(groups),
            },
          }
        : node.operator === "BatchNormalization"
          ? { ...node, attributes: { ...node.attributes, epsilon: float(epsilon) } }
          : node,
    ),
  };
}

/** An IDX file: big-endian sizes, then bytes. */
export function idxFile(sizes: readonly number[], elements: Uint8Array): Uint8Array {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.set([0, 0, 8, sizes.length]);
  for (const [index, size] of sizes.entries()) header.writeUInt32BE(size, 4 + 4 * index);
  return Buffer.concat([header, elements]);
}

/** Images whose brightest quarter tells the class, 0 to 3. */
function quarters(count: number, size: number, seed: number) {
  const noise = randomBits({ seed, name: "images" }, count * size * size);
  const labels = Uint8Array.from({ length: count }, (_, index) => index % 4);
  const images = Uint8Array.from(noise, (bits, index) => {
    const [row, column] = [Math.floor(index / size) % size, index % size];
    const quarter = 2 * Number(row >= size / 2) + Number(column >= size / 2);
    return (bits % 100) + (quarter === labels[Math.floor(index / size ** 2)] ? 100 : 0);
  });
  return { images, labels };
}

/** The four files of a data set of 16×16 images, by name. */
export function idxFiles({ train = 64, test = 32, size = 16 } = {}): Record<string, Uint8Array> {
  const [a, b] = [quarters(train, size, 1), quarters(test, size, 2)];
  return {
    "train-images-idx3-ubyte": idxFile([train, size, size], a.images),
    "train-labels-idx1-ubyte": idxFile([train], a.labels),
    "t10k-images-idx3-ubyte": idxFile([test, size, size], b.images),
    "t10k-labels-idx1-ubyte": idxFile([test], b.labels),
  };
}

/** The files of CIFAR's binary layout with a few records each. */
export function cifarFiles(records = 8): Record<string, Uint8Array> {
  const file = Buffer.alloc(records * 3073, 100);
  for (let record = 0; record < records; record++) file[record * 3073] = record % 10;
  return { "data_batch_1.bin": file, "test_batch.bin": file };
}

/** A PNG of one colour. */
export function png(size = 16, background = { r: 10, g: 200, b: 90 }): Promise<Uint8Array> {
  const create = { width: size, height: size, channels: 3 as const, background };
  return sharp({ create }).png().toBuffer();
}
