// Random resized crops (Szegedy et al. 2015, "Going deeper with convolutions", section 6; torchvision's
// RandomResizedCrop): a part of the image of random size and proportions, brought to the image's size. What photos
// are trained with, where things stand near and far.
import { uniform } from "../graph/random.ts";
import { operator, type Tensor, tensor } from "../torch/index.ts";

/** Parts of images, as shares of their width and height: middles from -1 to 1, sizes up to 1. */
export interface Boxes {
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly width: Float32Array;
  readonly height: Float32Array;
}

const mostElongated = Math.log(4 / 3);

const affineGrid = operator("aten::affine_grid_generator");
const gridSample = operator("aten::grid_sampler");
const bilinear = 0;
const mirrored = 2;

/**
 * A part for each of `count` images: its area uniform from the share `least` to all, its proportions from 3:4 to 4:3,
 * uniform in their logarithm, its place uniform. A side that would not fit is as long as the image's, which leaves less of
 * the area where `least` is above 0.75. The same ones for the same seed and epoch.
 */
export function planBoxes(
  { seed, epoch }: { seed: number; epoch: number },
  { count, least }: { count: number; least: number },
): Boxes {
  const draw = (name: string) => uniform({ seed, name: `data/box/${name}/${epoch}` }, count);
  const areas = draw("area").map((value) => least + (1 - least) * value);
  const proportions = draw("proportions").map((value) => Math.exp((2 * value - 1) * mostElongated));
  const width = areas.map((area, i) => Math.min(1, Math.sqrt(area * proportions[i]!)));
  const height = areas.map((area, i) => Math.min(1, Math.sqrt(area / proportions[i]!)));
  const place = (name: string, sizes: Float32Array) =>
    draw(name).map((value, i) => (2 * value - 1) * (1 - sizes[i]!));
  return { x: place("x", width), y: place("y", height), width, height };
}

/** The parts of images [size, channels, height, width] with these numbers, scaled to the images' size, bilinear. */
export function cropAndResize(images: Tensor, boxes: Boxes, numbers: Int32Array): Tensor {
  const { x, y, width, height } = boxes;
  const rows = [...numbers].flatMap((i) => [width[i]!, 0, x[i]!, 0, height[i]!, y[i]!]);
  const transforms = tensor(rows, { shape: [numbers.length, 2, 3], device: images.device });
  const grid = affineGrid(transforms, images.shape, false);
  return gridSample(images, grid, bilinear, mirrored, false);
}
