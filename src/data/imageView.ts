// How an image of any size becomes one of a model's: the geometry of torchvision's Resize and CenterCrop
// (https://github.com/pytorch/vision/blob/main/torchvision/transforms/functional.py).

import type { Scaling } from "./resample.ts";

/** Channels, height and width; channels are 1 (grey) or 3 (colour). */
export type ImageShape = readonly [channels: number, height: number, width: number];

/**
 * How images are brought to size. `crop`: scaled until they just cover it, then cropped around the centre, as
 * Resize(N) and CenterCrop(N). A number: scaled until the shorter side has that many pixels, then cropped, as
 * Resize(256) and CenterCrop(224). `squash`: both sides are scaled, whatever that does to the proportions, as
 * Resize((N, N)). `none`: images must have the size.
 */
export type Resize = "crop" | "squash" | "none" | number;

/** Whether a rotation that a camera noted is applied, as people see the photo, or the pixels are kept as they are stored. */
export type Orientation = "apply" | "keep";

/** What becomes of a file. */
export interface ImageView {
  readonly shape: ImageShape;
  readonly resize: Resize;
  /** The side that a model fixes, where it leaves the other open. */
  readonly fixedSide?: number;
  readonly orientation: Orientation;
  /** Order of the channels of colour images. */
  readonly channelOrder: "rgb" | "bgr";
}

/** How both axes of an image are scaled and cropped to a size. */
export function fit(
  image: { readonly height: number; readonly width: number },
  { shape: [, height, width], resize }: ImageView,
): { rows: Scaling; columns: Scaling } {
  const [scaledHeight, scaledWidth] = scaledSize(image, { height, width, resize });
  return { rows: centre(scaledHeight, height), columns: centre(scaledWidth, width) };
}

function scaledSize(
  image: { readonly height: number; readonly width: number },
  { height, width, resize }: { height: number; width: number; resize: Resize },
): [height: number, width: number] {
  if (resize === "squash") return [height, width];
  if (resize === "none") return [image.height, image.width];
  const [tall, wide] = resize === "crop" ? [height, width] : [resize, resize];
  if (image.height * wide <= image.width * tall) {
    return [tall, Math.max(wide, Math.trunc((tall * image.width) / image.height))];
  }
  return [Math.max(tall, Math.trunc((wide * image.height) / image.width)), wide];
}

/** The middle `kept` of `length` places; halves are rounded to even, as Python's `round` does. */
function centre(length: number, kept: number): Scaling {
  const half = (length - kept) / 2;
  const down = Math.floor(half);
  const start = half === down || down % 2 === 0 ? down : down + 1;
  return { length, kept: { start, length: kept } };
}
