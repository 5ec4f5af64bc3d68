// Sealing: from the trained chain and the original's classifier to the graph that is shipped.
import { ModelError } from "../errors.ts";
import { describeNode, type Graph } from "../graph/graph.ts";
import { type Layout, turnInput } from "../graph/layout.ts";
import {
  canonicalHead,
  compose,
  foldBatchNorm,
  foldConstants,
  protectPadding,
  renameTensors,
  stripNames,
} from "../graph/rewrites.ts";
import { scramble } from "./scramble.ts";

/** The chain under the original's input name, with inner names that no other graph has. */
export function nameChainInput(chain: Graph, original: Graph): Graph {
  const [from, to] = [chain, original].map(({ inputs }) => inputs[0]?.name);
  const named = renameTensors(chain, (name) => (name === from ? (to ?? name) : `chain.${name}`));
  return { ...named, opset: original.opset };
}

/**
 * The trained chain before the original's classifier in canonical form, with its batch norm folded into its
 * convolutions, weights scrambled by seed, and no name but those of input and outputs. It takes images in the
 * original's `layout`, so that it stands in for that file. Without a seed it has the form of the shipped file and
 * its weights as they are. Throws ModelError where a batch norm cannot be folded, and where the chain has not
 * exactly `depth` convolutions.
 */
export function seal(
  chain: Graph,
  classifier: Graph,
  { depth, seed, layout = "NCHW" }: { depth: number; seed: number | undefined; layout?: Layout },
): Graph {
  const folded = foldBatchNorm(chain);
  const left = folded.nodes.find(({ operator }) => operator === "BatchNormalization");
  if (left) throw new ModelError(`${describeNode(left)} cannot be folded into a convolution`);
  const head = canonicalHead(foldConstants(classifier));
  const whole = protectPadding(compose({ ...folded, opset: head.opset }, head));
  const plain = foldConstants(whole);
  const scrambled = seed === undefined ? plain : scramble(plain, seed);
  const sealed = stripNames(layout === "NCHW" ? scrambled : turnInput(scrambled, layout));
  const convolutions = countConvolutions(sealed) - countConvolutions(head);
  if (convolutions !== depth) {
    throw new ModelError(
      `expected ${depth} convolutions in the sealed chain, found ${convolutions}`,
    );
  }
  return sealed;
}

/** Number of convolutions, as an attacker counts them in the file. */
export function countConvolutions(graph: Graph): number {
  return graph.nodes.filter(({ operator }) => operator === "Conv").length;
}
