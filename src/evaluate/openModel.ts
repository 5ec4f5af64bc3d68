// Opens originals that ONNX Runtime refuses as they are, or whose scores are no output, though what they
// compute is plain.
import { ModelError } from "../errors.ts";
import type { Graph, ValueInfo } from "../graph/graph.ts";
import { type Layout, turnInput } from "../graph/layout.ts";
import { paddedMaxima } from "../graph/rewrites.ts";
import { encodeModel } from "../onnx/index.ts";
import { OnnxSession, type SessionOptions } from "../runtime/index.ts";
import { fileName } from "../text.ts";

type OpenOptions = Omit<SessionOptions, "without"> & {
  /** Outputs that the session must give. */
  readonly outputs?: readonly string[];
  /** What the file was read as: where ONNX Runtime would optimize it wrongly, it does not. */
  readonly graph?: Graph;
};

/**
 * Opens a model file in ONNX Runtime or, where it refuses the file, one of the graphs that compute the
 * same, as a file of its own: ONNX Runtime takes no sizes from external data, and has no convolution of
 * doubles. So it does where the file lacks one of `outputs`, which was taken from before its end, or has an input
 * that `graph` does without. Throws the ModelError about the file where it takes none.
 */
export async function openModel(
  path: string,
  graphs: readonly (() => Graph)[],
  { outputs = [], graph: read, ...given }: OpenOptions = {},
): Promise<OnnxSession> {
  const options = withoutFusions(read, given);
  try {
    const session = await OnnxSession.open(path, options);
    const problem = misfit(session, outputs, read);
    if (problem === undefined) return session;
    await session.close();
    throw new ModelError(`${options.name ?? path} ${problem}`);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    const problems = [error.message];
    for (const graph of graphs) {
      const session = await attempt(graph, options);
      if (session instanceof OnnxSession) return session;
      problems.push(session.message);
    }
    if (problems.length === 1) throw error;
    throw new ModelError(problems.join("\nnor what was read of it: "));
  }
}

const padFusion = "Pad_Fusion";

/** The options without what ONNX Runtime's optimizer would do wrongly to this graph. */
function withoutFusions<T extends SessionOptions>(graph: Graph | undefined, options: T): T {
  return graph && paddedMaxima(graph).size > 0 ? { ...options, without: [padFusion] } : options;
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
}

/** Opens an original's graph in its own layout, for batches of any size. Throws ModelError where it cannot run. */
export function openGraph(
  { path, layout, graph }: AdoptedFile,
  options: SessionOptions,
): Promise<OnnxSession> {
  const own = inLayout(graph, layout);
  return OnnxSession.open(encodeModel(own), {
    name: fileName(path),
    ...withoutFusions(own, options),
  });
}

/** Opens an original for its images in its own layout; the graph stands in for a file that gives no logits. */
export function openAdopted(
  { path, layout, graph }: AdoptedFile,
  options: OpenOptions,
): Promise<OnnxSession> {
  const outputs = graph.outputs.map(({ name }) => name);
  return openModel(path, [() => inLayout(graph, layout)], {
    name: fileName(path),
    outputs,
    graph,
    ...options,
  });
}

/** An adopted graph, which takes channels first, for images in the layout of its file. */
function inLayout(graph: Graph, layout: Layout): Graph {
  return layout === "NCHW" ? graph : turnInput(graph, layout);
}

async function attempt(
  graph: () => Graph,
  options: SessionOptions,
): Promise<OnnxSession | ModelError> {
  try {
    return await OnnxSession.open(encodeModel(graph()), options);
  } catch (error) {
    if (error instanceof ModelError) return error;
    throw error;
  }
}
