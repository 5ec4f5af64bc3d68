// The picture of the README: the demo's original beside the chain that is shipped for it.
import { join } from "node:path";
import { type Box, diagramOf } from "../../src/graph/diagram.ts";
import { planOriginal, untrainedChain } from "../../src/obfuscate/original.ts";
import { readModel } from "../../src/onnx/index.ts";
import { root } from "../records/records.ts";
import { drawPanels, type Panel } from "./svg.ts";

/** The SVG image. The chain is planned and sealed as the main job does it, but not trained. */
export async function drawOriginalAndChain(): Promise<string> {
  const model = join(root, "examples", "resnet8-fashion-mnist.onnx");
  const original = await readModel(model);
  const planned = planOriginal(original, [1, 28, 28], { model, depth: 5 });
  const { sealed } = untrainedChain(planned);
  return drawPanels(
    [
      { title: "The original", ...describe("a ResNet-8", diagramOf(original)) },
      { title: "What is shipped", ...describe("a plain chain", diagramOf(sealed)) },
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
