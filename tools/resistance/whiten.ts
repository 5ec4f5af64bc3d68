// The pirate undoes ill-conditioned layers: what a convolution reads is whitened by a 1×1 convolution before it, and its
// weights take up the difference. The network computes the same, and directions that hardly vary count as much as others
// when it learns (Desjardins et al. 2015, "Natural neural networks", arXiv 1507.00210).
import { Batches, type Labelled, type Normalization } from "../../src/data/index.ts";
import { Network } from "../../src/engine/index.ts";
import { ints } from "../../src/graph/attributes.ts";
import type { Graph, Node, TensorData } from "../../src/graph/graph.ts";
import { fromFloat32, toFloat32 } from "../../src/graph/tensorData.ts";
import {
  addScalar,
  inferenceMode,
  matmul,
  mean,
  mul,
  mulScalar,
  operator,
  reshape,
  scope,
  sqrt,
  sub,
  type Tensor,
  tensor,
  transpose,
} from "../../src/torch/index.ts";

const eigen = operator<[Tensor, Tensor]>("aten::linalg_eigh");
const permute = operator("aten::permute");
const reciprocal = operator("aten::reciprocal");

/** Share of the mean eigenvalue that each has at least. */
const least = 1e-4;

/** The body with what all convolutions but the first read whitened on these images. */
export async function whitened(
  body: Graph,
  own: Labelled,
  { mean: shift, std }: Normalization,
): Promise<Graph> {
  const batch = Math.min(own.count, 500);
  using batches = new Batches(own, { batch, mean: shift, std, seed: 0, device: "cpu" });
  const [, ...convolutions] = body.nodes.filter(({ operator: name }) => name === "Conv");
  const read = convolutions.map(({ inputs }) => inputs[0]!);
  using network = new Network(body);
  const initializers = new Map(body.initializers);
  const inserted = new Map<Node, readonly [Node, Node]>();
  for await (const { images } of batches.epoch(0)) {
    scope(() =>
      inferenceMode(() => {
        const maps = network.activations(images, read, { training: true });
        for (const [i, conv] of convolutions.entries()) {
          const { into, outOf } = whitening(maps[read[i]!]!);
          const [from, weight] = conv.inputs as [string, string];
          const [name, white] = [`${from}.${i}.whitening`, `${from}.${i}.white`];
          initializers.set(name, into);
          initializers.set(weight, times(initializers.get(weight)!, outOf));
          inserted.set(conv, [
            {
              name,
              operator: "Conv",
              domain: "",
              inputs: [from, name],
              outputs: [white],
              attributes: { kernel_shape: ints([1, 1]) },
            },
            { ...conv, inputs: [white, ...conv.inputs.slice(1)] },
          ]);
        }
      }),
    );
    break;
  }
  const nodes = body.nodes.flatMap((node) => inserted.get(node) ?? [node]);
  return { ...body, nodes, initializers };
}

/** The root of the inverse covariance of a map's channels as a 1×1 convolution, and the root itself [C, C]. */
function whitening(map: Tensor): { into: TensorData; outOf: Tensor } {
  const channels = map.shape[1]!;
  const rows = reshape(permute(map, [1, 0, 2, 3]), [channels, -1]).to({ dtype: "float64" });
  const centred = sub(rows, mean(rows, [1], true));
  const covariance = mulScalar(matmul(centred, transpose(centred)), 1 / rows.shape[1]!);
  const [values, vectors] = eigen(covariance);
  const roots = sqrt(addScalar(values, least * mean(values).item()));
  const around = (factors: Tensor) =>
    matmul(mul(vectors, reshape(factors, [1, channels])), transpose(vectors)).to({
      dtype: "float32",
    });
  const into = around(reciprocal(roots)).toTypedArray() as Float32Array;
  return { into: fromFloat32([channels, channels, 1, 1], into), outOf: around(roots) };
}

/** Weights [O, I, KH, KW] behind a map that is multiplied by a matrix [I, I]. */
function times(weight: TensorData, matrix: Tensor): TensorData {
  const [outputs, inputs, height, width] = weight.shape as [number, number, number, number];
  const values = reshape(
    permute(tensor(toFloat32(weight), { shape: [outputs, inputs, height, width] }), [0, 2, 3, 1]),
    [-1, inputs],
  );
  const product = reshape(matmul(values, matrix), [outputs, height, width, inputs]);
  const result = reshape(permute(product, [0, 3, 1, 2]), [-1]);
  return fromFloat32(weight.shape, result.toTypedArray() as Float32Array);
}
