// The pirate puts batch norm back. Folding it into the convolutions makes a network hard to fine-tune: rates that its
// training liked now blow it up. So each convolution without one gets a batch norm that leaves what the network
// computes as it is, but for those of pooled features, which one number an image is too few to normalize by. And channels
// are brought to unit scale on the way: after a convolution each has the variance 1 on the pirate's images, and the
// weights that read it take up the difference. That also undoes whatever scales somebody has put between the layers.
import { float } from "../graph/attributes.ts";
import { findLinks } from "../graph/channelLinks.ts";
import { type Channels, scaleSlices } from "../graph/channelSlices.ts";
import { GraphEdit } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { isMap, isVector } from "../graph/maps.ts";
import { operation } from "../graph/operation.ts";
import { normalizedConvolutions } from "../graph/roles.ts";
import { isConstant } from "../graph/rounding.ts";
import { inferShapes } from "../graph/shapes.ts";
import { fromFloat32, toFloat32 } from "../graph/tensorData.ts";
import { consumers } from "../graph/topology.ts";

/** Mean and variance of each channel of a tensor. */
export interface Moments {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

const epsilon = 1e-5;

/** Results of the convolutions that no batch norm follows, where they are maps [N, C, H, W] of more than one place. */
export function bareConvolutions(graph: Graph): string[] {
  return bareNodes(graph).map(({ outputs }) => outputs[0]!);
}

/**
 * The same function with a batch norm behind every bare convolution, for `moments` of their results. A channel that
 * reaches a single other layer through positively homogeneous operators gets the scale 1, all others keep theirs.
 */
export function withBatchNorm(graph: Graph, moments: ReadonlyMap<string, Moments>): Graph {
  const edit = new GraphEdit(graph);
  const readers = consumers(graph);
  const links = findLinks(graph);
  const multiply = (name: string, factors: Float64Array, where: Channels) =>
    edit.set(name, scaleSlices(edit.value(name)!, { ...where, factors }));
  const inserted = new Map<Node, readonly [conv: Node, norm: Node]>();
  for (const conv of bareNodes(graph)) {
    const [x, weight, bias] = conv.inputs as [string, string, string | undefined];
    const output = conv.outputs[0]!;
    const { mean, variance } = moments.get(output)!;
    const isShared = readers.get(weight)!.length > 1;
    const scale = variance.map((value, channel) =>
      isShared || isConstant(mean[channel]!, value) ? 1 : Math.sqrt(value / (1 - epsilon)),
    );
    const link = links.find(({ from, isHomogeneous }) => isHomogeneous && from.weight === weight);
    const kept = link ? scale.map(() => 1) : scale;
    const inverse = scale.map((s) => 1 / s);
    if (!isShared) multiply(weight, inverse, { axis: 0 });
    if (link) multiply(link.to.weight, scale, { axis: link.to.inputAxis, block: link.block });

    const biases = bias ? toFloat32(edit.value(bias)!) : new Float32Array(mean.length);
    const ofUnit = variance.map((value, channel) => value / scale[channel]! ** 2);
    const add = (suffix: string, values: Float64Array) =>
      edit.constant(`${output}.${suffix}`, fromFloat32([values.length], Float32Array.from(values)));
    const state = [
      add(
        "scale",
        ofUnit.map((value, c) => Math.sqrt(value + epsilon) * kept[c]!),
      ),
      add(
        "shift",
        mean.map((value, c) => (value / scale[c]!) * kept[c]!),
      ),
      add(
        "mean",
        mean.map((value, c) => (value - biases[c]!) / scale[c]!),
      ),
      add("variance", ofUnit),
    ];
    const raw = edit.name(`${output}.raw`);
    const settings = { epsilon: float(epsilon), momentum: float(0.9) };
    const norm = operation("BatchNormalization", [raw, ...state], output, settings);
    inserted.set(conv, [
      { ...conv, inputs: [x, weight], outputs: [raw] },
      { ...norm, name: edit.name(`${output}.norm`) },
    ]);
  }
  const nodes = graph.nodes.flatMap((node) => inserted.get(node) ?? [node]);
  return edit.result(nodes);
}

function bareNodes(graph: Graph): Node[] {
  const normalized = normalizedConvolutions(graph);
  const facts = inferShapes(graph);
  return graph.nodes.filter(({ operator, domain, inputs: [, weight = "", bias = ""], outputs }) => {
    if (operator !== "Conv" || domain !== "" || normalized.has(weight)) return false;
    const isFloat = (name: string) => graph.initializers.get(name)?.dtype === "float32";
    const [map] = outputs as [string];
    const isLarge = isMap(facts, map) && !isVector(facts, map);
    return isFloat(weight) && (bias === "" || isFloat(bias)) && isLarge;
  });
}
