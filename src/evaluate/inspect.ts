// What anybody sees who opens a model file: layers, operators, cost, and where it can be cut.

import { signatureOf } from "../engine/signatures.ts";
import { ModelError } from "../errors.ts";
import { type AdoptOptions, adoptModel, plainGraph } from "../graph/adopt.ts";
import { countCost } from "../graph/cost.ts";
import { type Boundary, findBoundary, findCutPoints } from "../graph/cuts.ts";
import { type Dimension, type Graph, type Node, operatorName } from "../graph/graph.ts";
import { imageLayout, sizesFrom } from "../graph/layout.ts";
import { adviseOn, assertImageClassifier, assertTakesImages } from "../graph/otherKinds.ts";
import { takeBranches } from "../graph/rewrites/branches.ts";
import { dequantize, dropTails, nameSqueezedAxes } from "../graph/rewrites.ts";
import { type Facts, inferShapes } from "../graph/shapes.ts";
import { consumers, readTensors } from "../graph/topology.ts";
import { assertInference } from "../graph/trainingMode.ts";
import { unwatched, type Watch } from "../isolate/run.ts";
import { readModel } from "../onnx/index.ts";
import { record } from "../record.ts";
import { shorten } from "../text.ts";
import { givenShapes } from "./givenShapes.ts";

/** What an attacker sees in a model file. */
export interface Inspection {
  readonly parameters: number;
  /** Multiply-accumulates at batch size 1; null where shapes, or which branch is taken, are not known. */
  readonly macs: number | null;
  readonly nodes: number;
  /** Number of nodes by operator type, the most frequent first. */
  readonly operators: Readonly<Record<string, number>>;
  readonly convolutions: number;
  /** No tensor feeds two nodes, and no node joins two tensors. */
  readonly sequential: boolean;
  /** The first input, as the file declares it; null where there is none. */
  readonly input: { readonly name: string; readonly shape: readonly Dimension[] | null } | null;
  readonly boundary: Boundary | null;
  readonly cutPoints: readonly string[];
  /** Why something is null, and what DeepObf could not run; a sentence each. */
  readonly warnings: readonly string[];
}

/** Which file to look at. */
export interface InspectOptions {
  /** An ONNX file. */
  readonly model: string;
  /** Shape of the first input, for files that leave sizes open. */
  readonly inputShape?: readonly number[];
  /** The output that tells the classes apart; the one that comes from a linear layer by default. */
  readonly output?: string;
}

const readingSeconds = 60;
const mostShown = 20;

/** Reads and inspects a model file. Throws ModelError where it cannot be read. */
export async function inspectModel(
  { model, ...options }: InspectOptions,
  { announce }: Watch = unwatched,
): Promise<Inspection> {
  announce("reading", readingSeconds);
  const graph = await readModel(model);
  announce("inspecting", readingSeconds);
  return inspectGraph(graph, options);
}

/**
 * Inspects a graph without running it; a quantized one has the cost, the boundary and the cut points of
 * the floats that it stands for. `inputShape` is for a first input whose sizes the file leaves
 * open.
 */
export function inspectGraph(
  graph: Graph,
  { inputShape, output }: Omit<InspectOptions, "model"> = {},
): Inspection {
  const plain = plainGraph(graph);
  const warnings: string[] = [];
  const attempt = <T>(find: () => T, told = warnings): T | undefined => {
    try {
      return find();
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      if (!told.includes(error.message)) told.push(error.message);
      return undefined;
    }
  };
  attempt(() => assertImageClassifier(graph));
  attempt(() => assertInference(graph));
  const given = attempt(() => givenShapes(plain, inputShape));
  const floats = dequantize((given && attempt(() => withBranches(plain, given))) ?? plain);
  const unsupported = warnOfUnsupported(attempt(() => dropTails(floats)) ?? floats);
  warnings.push(...unsupported);
  const inferred = given && attempt(() => inferShapes(nameSqueezedAxes(floats), given));
  // Behind an operator that is not known no shape is: nothing more can be said of the whole.
  const isEnded = unsupported.length > 0 && floats.outputs.some(({ name }) => !inferred?.has(name));
  const facts = isEnded ? undefined : inferred;
  const shape = facts && attempt(() => imageShape(floats, facts));
  const adopted = shape && attempt(() => adopt(floats, { shape, output }));
  const cut = adopted ?? (shape && { graph: floats, facts });
  // Where it is refused, the reason for that is the true one.
  const told = adopted ? warnings : [];
  const boundary = cut && attempt(() => findBoundary(cut.graph, cut.facts), told);
  const end = boundary?.tensor;
  const cutPoints = cut && attempt(() => findCutPoints(cut.graph, cut.facts, end), told);
  const cost = countCost(floats, facts ?? new Map());
  const operators = countOperators(graph);
  const [input] = floats.inputs;
  return {
    parameters: cost.parameters,
    macs: facts && !floats.nodes.some(holdsGraph) ? cost.macs / batchOf(floats, facts) : null,
    nodes: allNodes(graph).length,
    operators,
    convolutions: countOperators(floats).Conv ?? 0,
    sequential: isSequential(floats, facts ?? new Map()),
    input: input ? { name: input.name, shape: input.shape ?? null } : null,
    boundary: boundary ?? null,
    cutPoints: cutPoints ?? [],
    warnings,
  };
}

/** The graph with the branches that it takes for images of these shapes, in batches of any size. */
function withBranches(graph: Graph, given: ReadonlyMap<string, readonly number[]>): Graph {
  const inputs = graph.inputs.map((info) => {
    const [, ...sizes] = given.get(info.name) ?? [];
    return given.has(info.name) ? { ...info, shape: [info.shape?.[0] ?? "N", ...sizes] } : info;
  });
  return { ...takeBranches({ ...graph, inputs }), inputs: graph.inputs };
}

/** Channels, height and width of the images that a graph takes. Throws ModelError where it takes something else. */
function imageShape(graph: Graph, facts: Facts): readonly number[] {
  assertTakesImages(graph);
  const [, ...sizes] = facts.get(graph.inputs[0]?.name ?? "")?.shape ?? [];
  return sizesFrom(imageLayout(graph), sizes);
}

/** The graph as the main job cuts it: with scores of classes as its only output, and channels first. */
function adopt(
  graph: Graph,
  options: Pick<AdoptOptions, "shape" | "output">,
): { graph: Graph; facts: Facts } {
  const adopted = adoptModel(graph, { ...options, name: "the model" });
  return { graph: adopted, facts: inferShapes(adopted) };
}

/** Number of images that a file takes at once; 1 where its input is no images. */
function batchOf({ inputs: [input] }: Graph, facts: Facts): number {
  const [batch = 1, ...image] = facts.get(input?.name ?? "")?.shape ?? [];
  return image.length === 3 ? Math.max(1, batch) : 1;
}

/** Whether the graph is a plain chain. Constants and what is computed from shapes alone do not count. */
export function isSequential(graph: Graph, facts: Facts): boolean {
  const isConstant = (name: string) =>
    graph.initializers.has(name) || facts.get(name)?.value !== undefined;
  const nodes = graph.nodes.filter((node) => !node.outputs.every(isConstant));
  const joins = nodes.some(
    (node) => readTensors(node).filter((name) => !isConstant(name)).length > 1,
  );
  const readers = consumers({ nodes });
  return !joins && ![...readers].some(([name, { length }]) => length > 1 && !isConstant(name));
}

function warnOfUnsupported(graph: Graph): string[] {
  const unknown = allNodes(graph).filter((node) => !signatureOf(node, graph.opset));
  if (unknown.length === 0) return [];
  const names = [...new Set(unknown.map(operatorName))];
  const shown = names.slice(0, mostShown).map(shorten);
  if (names.length > mostShown) shown.push(`... and ${names.length - mostShown} more`);
  const advice = adviseOn(unknown);
  const complaint = `DeepObf cannot run this model; unsupported operators: ${shown.join(", ")}`;
  return [advice === "" ? complaint : `${complaint}. ${advice}`];
}

function countOperators(graph: Graph): Record<string, number> {
  const counts = new Map<string, number>();
  for (const name of allNodes(graph).map(operatorName)) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return record([...counts].sort(([, a], [, b]) => b - a));
}

/** The nodes of a graph and of the graphs inside of its nodes. */
function allNodes({ nodes }: Graph): Node[] {
  return nodes.flatMap((node) => [node, ...graphsOf(node).flatMap(allNodes)]);
}

/** Whether a node does what graphs inside of it say, as an `If` does whose branch is not known. */
function holdsGraph(node: Node): boolean {
  return graphsOf(node).length > 0;
}

function graphsOf({ attributes }: Node): Graph[] {
  return Object.values(attributes).flatMap(({ type, value }) => (type === "graph" ? [value] : []));
}
