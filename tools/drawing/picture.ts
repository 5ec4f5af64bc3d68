// The picture of the README: the demo's original beside the chain that is shipped for it.
import { join } from "node:path";
import { findBoundary } from "../../src/graph/cuts.ts";
import { type Box, diagramOf } from "../../src/graph/diagram.ts";
import { cutGraph } from "../../src/graph/rewrites.ts";
import { inferShapes } from "../../src/graph/shapes.ts";
import { sequential } from "../../src/models/index.ts";
import { planChain } from "../../src/obfuscate/plan.ts";
import { nameChainInput, seal } from "../../src/obfuscate/seal.ts";
import { readModel } from "../../src/onnx/index.ts";
import { root } from "../records/records.ts";
import { drawPanels, type Panel } from "./svg.ts";

const depth = 5;

/** The SVG image. The chain is planned and sealed as the main job does it, but not trained. */
export async function drawOriginalAndChain(): Promise<string> {
  const original = await readModel(join(root, "examples", "resnet8-fashion-mnist.onnx"));
  const facts = inferShapes(original);
  const boundary = findBoundary(original, facts);
  const { extractor, classifier } = cutGraph(original, boundary.tensor, facts);
  const plan = planChain(extractor, facts, { depth, boundary });
  const chain = nameChainInput(sequential(plan.layers, { shape: plan.input }), original);
  const shipped = seal(chain, classifier, { depth, seed: 0 });
  return drawPanels(
    [
      { title: "The original", ...describe("a ResNet-8", diagramOf(original)) },
      { title: "What is shipped", ...describe("a plain chain", diagramOf(shipped)) },
    ],
    "A ResNet-8 with its shortcuts beside the plain chain of five convolutions that is shipped for it",
  );
}

function describe(what: string, boxes: readonly Box[]): Pick<Panel, "subtitle" | "boxes"> {
  const count = (kind: Box["kind"]) => boxes.filter((box) => box.kind === kind).length;
  const [convolutions, sums] = [count("convolution"), count("sum")];
  const shortcuts = sums === 0 ? "no shortcuts" : `${sums} shortcuts`;
  return { subtitle: `${what}: ${convolutions} convolutions, ${shortcuts}`, boxes };
}
