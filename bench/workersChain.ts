// The chain of ResNet-56 by seven, as bench/workers.ts measures it.
import { GraphBuilder } from "../src/graph/builder.ts";
import type { Graph } from "../src/graph/graph.ts";

const channels = 3;
/** Channels of its convolutions. */
const widths = [32, 96, 96, 192, 192, 192, 64] as const;
export const classes = 10;
export const batchNorms = widths.length;

/** Numbers in each parameter, in their order: of a convolution, its batch norm's two, and the last layer's. */
export const parameters: readonly number[] = [
  ...widths.flatMap((width, i) => [9 * (widths[i - 1] ?? channels) * width, width, width]),
  ...[classes * widths.at(-1)!, classes],
];

/** 32p 96 96p 192 192 192 64, of which p is a max pooling before batch norm: docs/recipe.md. */
export function chain(): Graph {
  const build = new GraphBuilder();
  let x = build.input("images", ["N", channels, 32, 32]);
  for (const [index, outputs] of widths.entries()) {
    x = build.conv(x, { name: `conv${index}`, outputs, kernel: 3, padding: 1 });
    if (index === 0 || index === 2) x = build.maxPool(x, { kernel: 2, stride: 2 });
    x = build.relu(build.batchNorm(x, { name: `norm${index}` }));
  }
  const pooled = build.flatten(build.globalAveragePool(x));
  build.output(build.linear(pooled, { name: "linear", outputs: classes }), "logits");
  return build.build();
}
