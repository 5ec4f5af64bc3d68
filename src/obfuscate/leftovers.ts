// What a sealed file still shows of the original beyond its linear layers, for whoever ships it.
import { findLinks } from "../graph/channelLinks.ts";
import type { Graph } from "../graph/graph.ts";
import { counted } from "../text.ts";

/** A sentence for each, for a sealed graph whose chain has `depth` convolutions. */
export function leftoversOf(sealed: Graph, depth: number): string[] {
  const sentences: string[] = [];
  const convolutions = sealed.nodes.filter(({ operator }) => operator === "Conv");
  const kept = convolutions.length - depth;
  if (kept > 0) {
    sentences.push(
      `the file holds ${counted(kept, "convolution")} of the original as they are, since the boundary lies before them`,
    );
  }
  const last = convolutions[depth - 1]?.inputs[1];
  const link = findLinks(sealed).find(({ from }) => from.weight === last);
  if (!link) {
    sentences.push(
      "the chain's last channels keep the order and scale of the original's, since what lies between them and the next " +
        "layer is no way that DeepObf scrambles",
    );
  } else if (!link.isHomogeneous) {
    sentences.push(
      "the chain's last channels keep the scale of the original's, though not the order, since across what lies " +
        "between them and the next layer, as a norm or Tanh, DeepObf does not scale",
    );
  }
  return sentences;
}
