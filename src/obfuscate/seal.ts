// Sealing: from the trained chain and the original's classifier to the graph that is shipped.
import { ModelError } from "../errors.ts";
import { describeNode, type Graph } from "../graph/graph.ts";
import {
  compose,
  foldBatchNorm,
  foldConstants,
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
 * The trained chain before the original's classifier, with its batch norm folded into its convolutions,
 * weights scrambled by seed, and no name but those of input and outputs. Throws ModelError where a batch
 * norm cannot be folded, and where there are not exactly `depth` convolutions.
 */
export function seal(
  chain: Graph,
  classifier: Graph,
  { depth, seed }: { depth: number; seed: number },
): Graph {
  const folded = foldBatchNorm(chain);
  const left = folded.nodes.find(({ operator }) => operator === "BatchNormalization");
  if (left) throw new ModelError(`${describeNode(left)} cannot be folded into a convolution`);
  const sealed = stripNames(scramble(foldConstants(compose(folded, classifier)), seed));
  const convolutions = countConvolutions(sealed);
  if (convolutions !== depth) {
    throw new ModelError(
      `expected ${depth} convolutions in the sealed graph, found ${convolutions}`,
    );
  }
  return sealed;
}

/** Number of convolutions, as an attacker counts them in the file. */
export function countConvolutions(graph: Graph): number {
  return graph.nodes.filter(({ operator }) => operator === "Conv").length;
}
