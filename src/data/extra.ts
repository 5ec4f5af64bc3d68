// Images from elsewhere beside those of the task: the original says of them what it says of any image, so that a
// chain learns its function from more of them (function matching, Beyer et al. 2022, arXiv 2106.05237).
import { assertShape, type Dataset, noLabel } from "./dataset.ts";
import { joinImages } from "./join.ts";

/**
 * A data set with other images behind its own, which have no label whatever their folders say; their channels are in the
 * same order. Throws DataError where they have another shape.
 */
export function withExtra(own: Dataset, extra: Dataset): Dataset {
  assertShape(extra, own.shape);
  const { name, classes } = own;
  const count = own.count + extra.count;
  const labels =
    own.labels && Int32Array.from({ length: count }, (_, i) => own.labels![i] ?? noLabel);
  return joinImages(own, extra, {
    name,
    ...(classes && { classes }),
    ...(labels && { labels }),
  });
}
