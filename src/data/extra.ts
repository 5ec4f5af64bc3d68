// Images from elsewhere beside those of the task: the original says of them what it says of any image, so that a
// chain learns its function from more of them (function matching, Beyer et al. 2022, arXiv 2106.05237).
import { assertShape, type Data, type Dataset, imageBytes, noLabel } from "./dataset.ts";
import { joinImages } from "./join.ts";

/**
 * A data set with other images behind its own, which have no label whatever their folders say; their channels are in the
 * same order. Throws DataError where they have another shape.
 */
export function withExtra(own: Dataset, extra: Dataset): Dataset {
  assertShape(extra, own.shape);
  const { name, classes, hasFixedClasses } = own;
  const count = own.count + extra.count;
  const labels =
    own.labels && Int32Array.from({ length: count }, (_, i) => own.labels![i] ?? noLabel);
  return joinImages(own, extra, {
    name,
    ...(classes && { classes }),
    ...(hasFixedClasses && { hasFixedClasses }),
    ...(labels && { labels }),
  });
}

/** The training images of the task, without those from elsewhere. */
export function ownImages({ train, extra = 0 }: Pick<Data, "train" | "extra">): Dataset {
  if (extra === 0) return train;
  const { turned, labels, pixels } = train;
  const count = train.count - extra;
  return {
    ...train,
    count,
    ...(turned && { turned: turned.subarray(0, count) }),
    ...(labels && { labels: labels.subarray(0, count) }),
    ...(pixels && { pixels: pixels.subarray(0, count * imageBytes(train)) }),
  };
}
