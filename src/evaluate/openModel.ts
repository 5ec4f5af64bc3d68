// Opens originals that ONNX Runtime refuses as they are, or whose scores are no output, though what they
// compute is plain.
import type { Dataset } from "../data/dataset.ts";
import { ModelError } from "../errors.ts";
import { ownGraph, takeScores } from "../graph/adopt.ts";
import type { Graph, ValueInfo } from "../graph/graph.ts";
import { type Layout, turnInput } from "../graph/layout.ts";
import { freeBatch, wrongFusions } from "../graph/rewrites.ts";
import { inferShapes } from "../graph/shapes.ts";
import { isFloat } from "../graph/tensorData.ts";
import { encodeModel, readModel } from "../onnx/index.ts";
import { OnnxSession, type SessionOptions } from "../runtime/index.ts";
import { fileName } from "../text.ts";
import { OnnxClassifier } from "./onnxClassifier.ts";

type OpenOptions = Omit<SessionOptions, "without"> & {
  /** Outputs that the session must give. */
  readonly outputs?: readonly string[];
  /** What the file was read as: where ONNX Runtime would optimize it wrongly, it does not. */
  readonly graph?: Graph;
};

/** Makes a graph; called where no other has run. */
type MakeGraph = () => Graph | Promise<Graph>;

/** A session, and the graph that it runs in place of the file; undefined where it runs the file. */
export interface OpenedModel {
  readonly session: OnnxSession;
  readonly graph: Graph | undefined;
}

/**
 * Opens a model file in ONNX Runtime or, where it refuses the file, the first it takes of the graphs that compute the
 * same, as a file of its own: ONNX Runtime takes no sizes from external data, and has no convolution of
 * doubles. So it does where the file lacks one of `outputs`, which was taken from before its end, or has an input
 * that `graph` does without. Throws the ModelError about the file where it takes none.
 */
export async function openModel(
  path: string,
  graphs: readonly MakeGraph[],
  { outputs = [], graph: read, ...given }: OpenOptions = {},
): Promise<OpenedModel> {
  const options = withoutFusions(read, given);
  try {
    const session = await OnnxSession.open(path, options);
    const problem = misfit(session, outputs, read);
    if (problem === undefined) return { session, graph: undefined };
    await session.close();
    throw new ModelError(`${options.name ?? path} ${problem}`);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    if (graphs.length === 0) throw error;
    return openFirst(graphs, given, [error.message]);
  }
}

/** Opens the first of the graphs that ONNX Runtime takes. Throws a ModelError of all problems where it takes none. */
async function openFirst(
  graphs: readonly MakeGraph[],
  options: SessionOptions,
  problems: string[] = [],
): Promise<OpenedModel> {
  for (const make of graphs) {
    try {
      const graph = await make();
      const session = await OnnxSession.open(encodeModel(graph), withoutFusions(graph, options));
      return { session, graph };
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      if (!problems.includes(error.message)) problems.push(error.message);
    }
  }
  throw new ModelError(problems.join("\nnor what was read of it: "));
}

/** The options without what ONNX Runtime's optimizer would do wrongly to this graph. */
function withoutFusions<T extends SessionOptions>(graph: Graph | undefined, options: T): T {
  return graph ? { ...options, without: wrongFusions(graph) } : options;
}

/** What a session lacks that is asked of it, or asks for beyond what the file was read as. */
function misfit(
  session: OnnxSession,
  outputs: readonly string[],
  graph: Graph | undefined,
): string | undefined {
  const has = (values: readonly ValueInfo[], name: string) =>
    values.some((value) => value.name === name);
  const missing = outputs.find((name) => !has(session.outputs, name));
  if (missing !== undefined) return `has no output "${missing}" of numbers`;
  const idle = graph && session.inputs.find(({ name }) => !has(graph.inputs, name));
  return idle && `asks for the input "${idle.name}"`;
}

/** An original: its file, how that takes images, and its graph as adopted, with channels first. */
export interface AdoptedFile {
  readonly path: string;
  readonly layout: Layout;
  readonly graph: Graph;
  /** The output that was asked for; found in the file where none was. */
  readonly output?: string | undefined;
}

/** An original in ONNX Runtime, for the images of one data set. */
export interface OpenedOriginal extends AsyncDisposable {
  readonly classifier: OnnxClassifier;
  /** Whether the adopted graph, all in float32, stands in for the file. */
  readonly isStandIn: boolean;
}

interface OriginalOptions extends SessionOptions {
  /** Whether it must take any number of images at once: then the file's graph, freed of its number, is opened. */
  readonly isOfAnyBatch?: boolean;
}

/**
 * Opens an original: its file; where that gives no logits or takes other numbers of images, its graph in its own numbers
 * that does; and where there is none, the adopted graph. Throws ModelError where none of them runs.
 */
export async function openOriginal(
  { path, layout, graph, output }: AdoptedFile,
  dataset: Dataset,
  { isOfAnyBatch = false, ...given }: OriginalOptions,
): Promise<OpenedOriginal> {
  const options = { name: fileName(path), ...given };
  const own = async () =>
    scoresInOwnNumbers(await readModel(path), { shape: dataset.shape, output });
  const adopted = layout === "NCHW" ? graph : turnInput(graph, layout);
  const outputs = graph.outputs.map(({ name }) => name);
  const opened = isOfAnyBatch
    ? await openFirst([async () => freed(await own()), () => adopted], options)
    : await openModel(path, [own, () => adopted], { outputs, graph, ...options });
  const logits = (opened.graph ?? graph).outputs[0]?.name;
  const classifier = await OnnxClassifier.adopt(opened.session, dataset, {
    layout,
    output: logits,
  });
  const isStandIn = opened.graph === adopted;
  return { classifier, isStandIn, [Symbol.asyncDispose]: () => classifier[Symbol.asyncDispose]() };
}

/** What is not the file's own where its graph in float32 stood in for it: `figures` such as "its latency is that". */
export function noteOnStandIn(figures: string): string {
  return (
    `${figures} of the graph in float32 that was read of the file: ONNX Runtime does not give the same in the file's ` +
    "own numbers"
  );
}

/** The graph of a file with its logits as its only output. Throws ModelError where these are whole numbers. */
function scoresInOwnNumbers(
  file: Graph,
  options: { shape: readonly number[]; output: string | undefined },
): Graph {
  const scored = takeScores(ownGraph(file), options);
  const { name = "" } = scored.outputs[0] ?? {};
  const dtype = inferShapes(scored).get(name)?.dtype;
  if (dtype === undefined || isFloat(dtype)) return scored;
  throw new ModelError(`"${name}" is ${dtype}, and no logits`);
}

function freed(graph: Graph): Graph {
  const free = freeBatch(graph);
  if (free) return free;
  throw new ModelError("nodes of the file compute with the number of images that it takes");
}
