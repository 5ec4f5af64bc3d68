// Brightness, contrast and saturation of photos, changed at random (torchvision's ColorJitter, in the order of its
// arguments), so that a network does not learn the light of the day.
import { uniform } from "../graph/random.ts";
import { add, mean, mul, operator, sub, sum, type Tensor, tensor } from "../torch/index.ts";
import type { Dataset } from "./dataset.ts";

/** Factors of each image; 1 leaves it as it is. */
export interface Jitter {
  readonly brightness: Float32Array;
  readonly contrast: Float32Array;
  readonly saturation: Float32Array;
}

/** What red, green and blue weigh in grey (ITU-R BT.601). */
const luma = [0.299, 0.587, 0.114];

const clampInPlace = operator("aten::clamp_");

/** Factors for `count` images, uniform from 1 - `most` to 1 + `most`: the same ones for the same seed and epoch. */
export function planJitter(
  { seed, epoch }: { seed: number; epoch: number },
  { count, most }: { count: number; most: number },
): Jitter {
  const draw = (name: string) =>
    uniform({ seed, name: `data/${name}/${epoch}` }, count).map(
      (value) => 1 + (2 * value - 1) * most,
    );
  return {
    brightness: draw("brightness"),
    contrast: draw("contrast"),
    saturation: draw("saturation"),
  };
}

/** Images [size, channels, height, width] from 0 to 1 in another light; `numbers` are theirs among the factors. */
export function changeColors(
  images: Tensor,
  {
    jitter,
    numbers,
    channelOrder,
  }: { jitter: Jitter; numbers: Int32Array } & Pick<Dataset, "channelOrder">,
): Tensor {
  const { device } = images;
  const weights = tensor(channelOrder === "bgr" ? luma.toReversed() : luma, {
    shape: [3, 1, 1],
    device,
  });
  const grey = (colors: Tensor) =>
    colors.shape[1] === 1 ? colors : sum(mul(colors, weights), [1], true);
  const factors = (values: Float32Array) =>
    tensor(
      [...numbers].map((i) => values[i]!),
      { shape: [numbers.length, 1, 1, 1], device },
    );
  const blend = (colors: Tensor, other: Tensor, values: Float32Array) =>
    add(other, mul(sub(colors, other), factors(values)));
  const bright = mul(images, factors(jitter.brightness));
  const contrasted = blend(bright, mean(grey(bright), [1, 2, 3], true), jitter.contrast);
  return clampInPlace(blend(contrasted, grey(contrasted), jitter.saturation), 0, 1);
}
