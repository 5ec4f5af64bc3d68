// The diagram of a model file, made in a process of its own: a file may be anybody's.
import { DeepObfError } from "../errors.ts";
import { adoptModel } from "../graph/adopt.ts";
import { diagramOf } from "../graph/diagram.ts";
import { runIsolated, unwatched, type Watch } from "../isolate/run.ts";
import { modelFileFacts, readModel } from "../onnx/index.ts";
import { fileName, shorten } from "../text.ts";
import { type FoldedDiagram, foldDiagram } from "./fold.ts";
import type { Missing } from "./missing.ts";

export interface DrawOptions {
  readonly model: string;
  /** Channels, height and width of the images. */
  readonly shape: readonly number[];
  /** As the job was told, or found. */
  readonly output?: string | undefined;
  readonly boundary?: string | undefined;
}

/** What a file shows: its layers, and whether it is the file that was meant. */
export interface Drawn {
  readonly diagram: FoldedDiagram;
  /** Convolutions, and places where branches meet. */
  readonly convolutions: number;
  readonly joins: number;
  readonly sha256: string;
}

const readingSeconds = 60;

/** Reads a model and folds its diagram. Throws ModelError. */
export async function drawModel(
  { model, shape, output, boundary }: DrawOptions,
  { announce }: Watch = unwatched,
): Promise<Drawn> {
  announce("reading", readingSeconds);
  const { sha256 } = await modelFileFacts(model);
  const graph = adoptModel(await readModel(model), { shape, name: fileName(model), output });
  const boxes = diagramOf(graph, boundary);
  const count = (kind: string) => boxes.filter((box) => box.kind === kind).length;
  return {
    diagram: foldDiagram(boxes),
    convolutions: count("convolution"),
    joins: count("sum"),
    sha256,
  };
}

/** Draws several models, or says of each why not. */
export async function drawModels(
  { models }: { readonly models: readonly DrawOptions[] },
  watch: Watch = unwatched,
): Promise<(Drawn | Missing)[]> {
  const drawn: (Drawn | Missing)[] = [];
  for (const options of models) {
    drawn.push(await drawModel(options, watch).catch(missingBecause));
  }
  return drawn;
}

/** Does what drawModels does, in a process of its own; none is drawn where that does not survive. */
export function drawModelsIsolated(models: readonly DrawOptions[]): Promise<(Drawn | Missing)[]> {
  const drawing = { module: "report/drawModel.js", name: "drawModels" };
  const model = models[0]?.model ?? "";
  return runIsolated<object, (Drawn | Missing)[]>(drawing, { options: { models }, model }).catch(
    (error: unknown) => models.map(() => missingBecause(error)),
  );
}

function missingBecause(error: unknown): Missing {
  if (error instanceof DeepObfError) return { missing: shorten(error.message) };
  throw error;
}
