// Mixup (Zhang et al. 2018, arXiv 1710.09412): a batch is mixed with itself in another order, by one
// share for the whole batch. What an original answers to mixed images is known as for any others, so
// that a network that simulates it sees many more (Beyer et al. 2022, arXiv 2106.05237: "function
// matching").
import { narrow, operator, type Share, type Tensor } from "../torch/index.ts";

const roll = operator("aten::roll");
const interpolate = operator("aten::lerp.Scalar");

/** What lies in the images of a batch besides those of its labels. */
export interface Mixed {
  /** Class numbers of the images mixed in, int64 [size], where the images have labels. */
  readonly labels?: Tensor;
  /** Share of the batch's own images, from 0 to 1; the others have the rest. */
  readonly share: number;
}

/**
 * Mixes every image with the one before it, the first with the last: the order of a batch is random. Of several
 * workers each mixes its part of the batch, behind the image that comes before the part.
 */
export function mix(
  { images, labels }: { images: Tensor; labels?: Tensor },
  share: number,
  { size }: Pick<Share, "size"> = { size: 1 },
): { images: Tensor; labels?: Tensor; mixed: Mixed } {
  const isWhole = size === 1;
  const own = (tensor: Tensor) => (isWhole ? tensor : narrow(tensor, 1, tensor.shape[0]!));
  const before = (tensor: Tensor) =>
    isWhole ? roll(tensor, [1], [0]) : narrow(tensor, 0, tensor.shape[0]! - 1);
  return {
    images: interpolate(before(images), own(images), share),
    ...(labels && { labels: own(labels) }),
    mixed: { share, ...(labels && { labels: before(labels) }) },
  };
}
