// Where a network can be cut: the tensors that every path passes through, and among them the boundary
// between the feature extractor and the classifier.
import { ModelError } from "../errors.ts";
import { describeNode, type Graph, type Node } from "./graph.ts";
import type { TensorFacts } from "./shapes.ts";
import { consumers, dominators, downstream } from "./topology.ts";

type Facts = ReadonlyMap<string, TensorFacts>;

/** The extractor's last feature map. */
export interface Boundary {
  readonly tensor: string;
  readonly shape: readonly number[];
}

/**
 * The feature maps that alone separate what is before them from what is after, in order: from the
 * first one after the input to the last one before the boundary (before the output of a graph that
 * ends in a feature map). Throws ModelError where there is no boundary.
 */
export function findCutPoints(graph: Graph, facts: Facts): string[] {
  const output = graph.outputs[0]?.name ?? "";
  const end = isMap(facts, output) ? output : findBoundary(graph, facts).tensor;
  return separators(graph, { facts, output: end }).filter(
    (tensor) => tensor !== end && isMap(facts, tensor),
  );
}

/**
 * The boundary: the last feature map (a tensor with four axes that all paths pass through) before
 * pooling, flattening and linear layers. No convolution and no attention comes after it. `name` asks for a certain tensor. Throws ModelError with the reason
 * where there is none, or where the tensor asked for cannot be one.
 */
export function findBoundary(graph: Graph, facts: Facts, name?: string): Boundary {
  const output = graph.outputs[0]?.name ?? "";
  const reason = refuseOutput(facts, output);
  if (reason) throw new ModelError(`no boundary between extractor and classifier: ${reason}`);
  const path = separators(graph, { facts, output });
  if (name !== undefined) return checkBoundary(graph, { facts, path, name });

  const maps = path.filter((tensor) => isMap(facts, tensor));
  const candidates = maps.filter((tensor) => !obstacle(graph, { facts, tensor }));
  const last = candidates.at(-1);
  if (last === undefined) {
    throw new ModelError(
      `no boundary between extractor and classifier: ${explain(graph, { facts, maps })}`,
    );
  }
  const readers = consumers(graph);
  const pooled = candidates.filter((tensor) =>
    readers.get(tensor)?.some((node) => isPooling(node, facts)),
  );
  const tensor = pooled.at(-1) ?? last;
  return { tensor, shape: facts.get(tensor)!.shape };
}

/** Tensors on all paths from the first input to `output`, without that input. */
function separators(graph: Graph, { facts, output }: { facts: Facts; output: string }): string[] {
  const input = graph.inputs[0]?.name ?? "";
  const isConstant = (tensor: string) => facts.get(tensor)?.value !== undefined;
  return dominators(graph, { input, output, isConstant }).slice(1);
}

function isMap(facts: Facts, tensor: string): boolean {
  return facts.get(tensor)?.shape.length === 4;
}

function refuseOutput(facts: Facts, output: string): string | undefined {
  const shape = facts.get(output)?.shape;
  if (!shape) return `the shape of output "${output}" is not known before it runs`;
  if (shape.length <= 2) return undefined;
  return `output "${output}" has shape [${shape.join(", ")}], but a classifier's is [batch, classes]`;
}

/** The first node after a tensor that a classifier must not have: a convolution, or attention. */
function obstacle(
  graph: Graph,
  { facts, tensor }: { facts: Facts; tensor: string },
): Node | undefined {
  const after = downstream(graph, [tensor]).tensors;
  const isActivation = (name: string) => after.has(name) && !facts.get(name)?.value;
  const softmaxes = graph.nodes.filter(({ operator }) => operator === "Softmax");
  const weights = downstream(
    graph,
    softmaxes.map(({ outputs }) => outputs[0]!).filter(isActivation),
  );
  return graph.nodes.find((node) => {
    const activations = node.inputs.filter(isActivation);
    switch (node.operator) {
      case "Conv":
      case "ConvTranspose":
        return isActivation(node.inputs[0]!);
      case "Attention":
        return activations.length > 0;
      case "MatMul":
      case "Einsum":
        // Activations weighted by a softmax of activations.
        return activations.length > 1 && activations.some((name) => weights.tensors.has(name));
      default:
        return false;
    }
  });
}

function explain(graph: Graph, { facts, maps }: { facts: Facts; maps: readonly string[] }): string {
  const last = maps.at(-1);
  if (last === undefined) {
    return "no tensor of shape [batch, channels, height, width] lies on all paths to the output";
  }
  const node = obstacle(graph, { facts, tensor: last })!;
  return `after the last feature map "${last}" still comes ${describeNode(node)}`;
}

function checkBoundary(
  graph: Graph,
  { facts, path, name }: { facts: Facts; path: readonly string[]; name: string },
): Boundary {
  const refuse = (problem: string): never => {
    throw new ModelError(`"${name}" cannot be the boundary: ${problem}`);
  };
  const shape = facts.get(name)?.shape ?? refuse("the model has no tensor of that name");
  if (shape.length !== 4) {
    refuse(`its shape is [${shape.join(", ")}], not [batch, channels, height, width]`);
  }
  if (!path.includes(name)) refuse("paths from the input to the output go around it");
  const node = obstacle(graph, { facts, tensor: name });
  if (node) refuse(`after it comes ${describeNode(node)}, which a classifier must not have`);
  return { tensor: name, shape };
}

/** Whether a node shrinks the height or width of a feature map. */
function isPooling(node: Node, facts: Facts): boolean {
  if (node.domain !== "") return false;
  if (/^(Global)?(Average|Max|Lp)Pool$/.test(node.operator)) return true;
  if (!node.operator.startsWith("Reduce")) return false;
  const [x, y] = [node.inputs[0]!, node.outputs[0]!].map((name) => facts.get(name)?.shape);
  if (!x || !y || (y.length !== 2 && y.length !== 4)) return false;
  return y[0] === x[0] && y[1] === x[1] && String(y) !== String(x);
}
