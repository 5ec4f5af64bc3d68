// What every reference model can be asked for.
import { GraphBuilder } from "../graph/builder.ts";

export interface ModelOptions {
  /** Channels, height and width of an image. */
  readonly shape?: readonly [channels: number, height: number, width: number];
  readonly classes?: number;
  /** Decides the initial weights. */
  readonly seed?: number;
}

/** A builder with the input every model has: a batch of images. */
export function startModel(
  name: string,
  { shape = [3, 32, 32], seed = 0 }: ModelOptions,
): { build: GraphBuilder; image: string } {
  const build = new GraphBuilder({ name, seed });
  return { build, image: build.input("input", ["N", ...shape]) };
}

/** The head that all have: global average pooling and a linear layer. */
export function finishModel(
  build: GraphBuilder,
  {
    features,
    name,
    classes = 10,
  }: { features: string; name: string; classes?: number | undefined },
) {
  const pooled = build.flatten(build.globalAveragePool(features));
  build.output(build.linear(pooled, { name, outputs: classes }), "logits");
  return build.build();
}

/** Whether images are of the kind of CIFAR-10's, which a stem for photos would shrink to nothing. */
export function isSmall([, height, width]: NonNullable<ModelOptions["shape"]>): boolean {
  return Math.min(height, width) < 64;
}
