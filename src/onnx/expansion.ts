// How large a model becomes once its functions are inlined, found without inlining them: functions that call
// functions can grow a small file without end.

import { functionKey } from "./functions.ts";
import type { AttributeProto, FunctionProto, GraphProto, NodeProto } from "./generated/onnx_pb.ts";
import { limits } from "./limits.ts";
import { escapeText, LimitError, quote } from "./problems.ts";

interface Size {
  /** Nodes and function calls. */
  nodes: number;
  /** Inputs, outputs, attributes and initializers; of a called function also its versions of operators. */
  edges: number;
  /** Calls inside of calls. */
  depth: number;
}

/**
 * Checks that a graph stays within the limits once its functions are inlined.
 * @throws LimitError where it does not, or a function calls itself
 */
export function checkExpansion(
  graph: GraphProto,
  functions: ReadonlyMap<string, FunctionProto>,
): void {
  const known = new Map<FunctionProto, Size>();
  const { nodes, edges } = sizeOfGraph(graph, 0);
  if (nodes > limits.nodes)
    throw new LimitError(
      `the model has more than ${limits.nodes} nodes and function calls, functions inlined`,
    );
  if (edges > limits.edges)
    throw new LimitError(
      `the model has more than ${limits.edges} inputs, outputs, attributes and initializers, functions inlined`,
    );

  function sizeOfGraph({ node, input, output, initializer }: GraphProto, depth: number): Size {
    const size = sizeOfNodes(node, depth);
    size.edges += input.length + output.length + initializer.length;
    return size;
  }

  function sizeOfNodes(nodes: readonly NodeProto[], depth: number): Size {
    const size: Size = { nodes: nodes.length, edges: 0, depth: 0 };
    for (const node of nodes) {
      size.edges += node.input.length + node.output.length;
      const definition = functions.get(functionKey(node));
      if (definition !== undefined) add(size, sizeOfCall(definition, depth + 1));
      add(size, sizeOfAttributes(node.attribute, depth));
    }
    return size;
  }

  function sizeOfAttributes(attributes: readonly AttributeProto[], depth: number): Size {
    const size: Size = { nodes: 0, edges: attributes.length, depth: 0 };
    for (const { g } of attributes) if (g !== undefined) add(size, sizeOfGraph(g, depth));
    return size;
  }

  /** `depth` is that of the call; the function's own is in the result. */
  function sizeOfCall(definition: FunctionProto, depth: number): Size {
    const size = known.get(definition);
    if (depth + (size?.depth ?? 1) - 1 > limits.functionDepth)
      throw new LimitError(
        `function ${quote(definition.name)} of domain ${escapeText(definition.domain)} is called more than ${limits.functionDepth} calls deep; a function may not call itself`,
      );
    if (size !== undefined) return size;
    const body = sizeOfNodes(definition.node, depth);
    // Each call goes through all that the function declares, whatever the call itself has.
    body.edges +=
      definition.input.length + definition.output.length + definition.opsetImport.length;
    add(body, sizeOfAttributes(definition.attributeProto, depth));
    body.depth++;
    known.set(definition, body);
    return body;
  }
}

function add(sum: Size, part: Size): void {
  sum.nodes += part.nodes;
  sum.edges += part.edges;
  sum.depth = Math.max(sum.depth, part.depth);
}
