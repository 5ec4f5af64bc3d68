// Where a network can be cut: the tensors that every path passes through, and among them the boundary
// between the feature extractor and the classifier.
import { ModelError } from "../errors.ts";
import { behindAttentionPooling } from "./attentionPooling.ts";
import { channelsLast } from "./channelsLast.ts";
import { describeNode, type Graph } from "./graph.ts";
import { isMap, isVector, separators } from "./maps.ts";
import { beforeObstacles, obstacleAfter } from "./obstacles.ts";
import { beforePowers, isPooling } from "./pooling.ts";
import type { Facts } from "./shapes.ts";
import { consumers, producers } from "./topology.ts";

/** The extractor's last feature map. */
export interface Boundary {
  readonly tensor: string;
  readonly shape: readonly number[];
}

/**
 * The feature maps that alone separate what is before them from what is after, in order: from the
 * first one after the input to the last one before `end`. By default that is the boundary, or the output of a
 * graph that ends in a feature map. Throws ModelError where there is no boundary.
 */
export function findCutPoints(graph: Graph, facts: Facts, end = lastMap(graph, facts)): string[] {
  const path = separators(graph, { facts, output: end });
  return featureMaps(graph, { facts, path }).filter((tensor) => tensor !== end);
}

/** The maps on a path that have channels first and the batch before them, and are no part of an attention that pools. */
function featureMaps(
  graph: Graph,
  { facts, path }: { facts: Facts; path: readonly string[] },
): string[] {
  const turned = channelsLast(graph);
  const batch = facts.get(graph.inputs[0]?.name ?? "")?.shape[0];
  const maps = path.filter(
    (tensor) =>
      isMap(facts, tensor) && !turned.has(tensor) && facts.get(tensor)?.shape[0] === batch,
  );
  const pooled = behindAttentionPooling(graph, { facts, maps });
  return maps.filter((tensor) => !pooled.has(tensor));
}

function lastMap(graph: Graph, facts: Facts): string {
  const output = graph.outputs[0]?.name ?? "";
  const isFeatureMap = isMap(facts, output) && !isVector(facts, output);
  return isFeatureMap ? output : findBoundary(graph, facts).tensor;
}

/**
 * The boundary: the last feature map (a tensor with four axes that all paths pass through) before
 * pooling, flattening and linear layers. No attention comes after it, no linear layer that sees pixels or channels one by
 * one, and no convolution but those that are linear layers: a 1x1 convolution of pooled features. `name` asks for a
 * certain map, whatever comes after it. Throws ModelError with the reason where there is none, or where the tensor asked for cannot be one.
 */
export function findBoundary(graph: Graph, facts: Facts, name?: string): Boundary {
  const output = graph.outputs[0]?.name ?? "";
  const reason = refuseOutput(facts, output);
  if (reason) throw new ModelError(`no boundary between extractor and classifier: ${reason}`);
  const path = separators(graph, { facts, output });
  if (name !== undefined) return checkBoundary(facts, { path, name });

  const maps = featureMaps(graph, { facts, path });
  const blocked = beforeObstacles(graph, facts);
  const free = maps.filter((tensor) => !blocked.has(tensor));
  const large = free.filter((tensor) => !isVector(facts, tensor));
  const candidates = large.length > 0 ? large : free;
  const last = candidates.at(-1);
  if (last === undefined) {
    throw new ModelError(
      `no boundary between extractor and classifier: ${explain(graph, { facts, maps })}`,
    );
  }
  const readers = consumers(graph);
  const pooled = candidates.filter((tensor) => {
    const after =
      readers.get(tensor)?.filter(({ outputs }) => !facts.get(outputs[0]!)?.value) ?? [];
    return after.length > 0 && after.every((node) => isPooling(node, facts));
  });
  const made = producers(graph);
  const tensor = beforePowers(pooled.at(-1) ?? last, { made, candidates });
  return { tensor, shape: facts.get(tensor)!.shape };
}

function refuseOutput(facts: Facts, output: string): string | undefined {
  const shape = facts.get(output)?.shape;
  if (!shape) return `the shape of output "${output}" is not known before it runs`;
  if (shape.slice(2).every((size) => size === 1)) return undefined;
  return `output "${output}" has shape [${shape.join(", ")}], but a classifier's is [batch, classes]`;
}

function explain(graph: Graph, { facts, maps }: { facts: Facts; maps: readonly string[] }): string {
  const last = maps.at(-1);
  if (last === undefined) {
    return (
      "no tensor of shape [batch, channels, height, width] lies on all paths to the output" +
      describeOtherKind(graph)
    );
  }
  const { kind, node } = obstacleAfter(graph, { facts, tensor: last })!;
  const comes = `after the last feature map "${last}" still comes ${describeNode(node)}`;
  const leave = `leave it to the classifier, which is shipped as it is: --boundary "${last}"`;
  if (kind === "convolution") return `${comes}; to ${leave}`;
  if (kind === "linear layers") {
    return (
      `${comes}, a linear layer over its places one by one: where the model is an MLP-Mixer or the like, it cannot ` +
      `become a chain; where little comes after the map, ${leave}`
    );
  }
  return (
    `${comes}, attention: where the model is a transformer, it cannot become a chain; where attention only pools ` +
    `what convolutions made, ${leave}`
  );
}

/** What a model without feature maps is, as far as its operators tell. */
function describeOtherKind({ nodes }: Graph): string {
  if (!nodes.some(({ operator }) => operator === "Conv")) return "; the model has no convolution";
  return "; where several networks, or several views of an image, are joined at the end, export one of them";
}

function checkBoundary(
  facts: Facts,
  { path, name }: { path: readonly string[]; name: string },
): Boundary {
  const refuse = (problem: string): never => {
    throw new ModelError(`"${name}" cannot be the boundary: ${problem}`);
  };
  const shape = facts.get(name)?.shape ?? refuse("the model has no tensor of that name");
  if (shape.length !== 4) {
    refuse(`its shape is [${shape.join(", ")}], not [batch, channels, height, width]`);
  }
  if (!path.includes(name)) refuse("paths from the input to the output go around it");
  return { tensor: name, shape };
}
