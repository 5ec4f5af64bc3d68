// Models of the engine's tests.
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";

/** A residual network of two convolutions with all that training touches. */
export function smallNetwork(): Graph {
  const build = new GraphBuilder();
  const image = build.input("image", ["batch", 3, 8, 8]);
  const stem = build.relu(
    build.batchNorm(build.conv(image, { name: "conv1", outputs: 4, kernel: 3, padding: 1 }), {
      name: "bn1",
    }),
  );
  const inner = build.batchNorm(
    build.conv(stem, { name: "conv2", outputs: 4, kernel: 3, padding: 1 }),
    { name: "bn2" },
  );
  const sum = build.relu(build.add(stem, inner), { name: "features" });
  const pooled = build.maxPool(sum, { kernel: 2 });
  const flat = build.flatten(build.globalAveragePool(build.concat([pooled, pooled])));
  build.output(build.linear(flat, { name: "fc", outputs: 5 }), "logits");
  return build.build();
}
