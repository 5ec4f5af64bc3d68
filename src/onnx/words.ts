// Outputs that are words: strings, and maps from strings to scores, as classifiers of scikit-learn's tradition
// and Custom Vision give them. The scores that they are made of take their place.
import { create } from "@bufbuild/protobuf";
import { codeOf } from "../graph/typeCodes.ts";
import {
  type GraphProto,
  type NodeProto,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "./generated/onnx_pb.ts";
import { readHeader } from "./tensorHeader.ts";

/** Operators of the domain ai.onnx.ml that give words. */
const naming = new Set(["ArrayFeatureExtractor", "LabelEncoder", "ZipMap"]);
const float = codeOf("float32");
/** The number of strings, of which there are no tensors here. */
const string = 8;

/**
 * The graph without outputs that are strings, sequences or maps, and without the nodes that make them: what
 * these read are outputs instead, as float32 of unknown shape. Where it has none, without strings that nothing reads.
 * The graph itself where they are something else than names of classes.
 */
export function dropWords(graph: GraphProto): GraphProto {
  const words = graph.output.filter(isWords).map(({ name }) => name);
  if (words.length === 0) return dropIdleStrings(graph);
  const makers = new Map(graph.node.flatMap((node) => node.output.map((name) => [name, node])));
  const strings = stringConstants(graph);
  const weights = new Set(graph.initializer.map((bytes) => readHeader(bytes, "initializer").name));
  const readsStrings = (node: NodeProto) => node.input.some((name) => strings.has(name));
  const dropped = new Set<NodeProto>();
  const labels = new Set<string>();
  const scores = new Set<string>();
  for (const name of words) {
    const maker = makers.get(name);
    if (maker?.opType === "LinearClassifier" && maker.output[0] === name) {
      labels.add(name);
      if (maker.output[1]) scores.add(maker.output[1]);
      continue;
    }
    if (!maker || !(naming.has(maker.opType) || readsStrings(maker))) return graph;
    dropped.add(maker);
  }
  for (const node of dropped) {
    for (const name of node.input) {
      if (name === "" || weights.has(name) || strings.has(name)) continue;
      const maker = makers.get(name);
      if (maker && readsStrings(maker)) dropped.add(maker);
      else scores.add(name);
    }
  }
  const kept = graph.output.filter((output) => !isWords(output));
  for (const { name } of kept) scores.delete(name);
  const rest = withoutStrings(graph, strings);
  const node = rest.node
    .filter((each) => !dropped.has(each))
    .map((each) => (labels.has(each.output[0]!) ? withoutLabel(each) : each));
  if (node.some(readsStrings)) return graph;
  return { ...rest, node, output: [...kept, ...[...scores].map(scoreOutput)] };
}

/** The graph without constants that are strings, such as names of classes, which nothing reads. */
function dropIdleStrings(graph: GraphProto): GraphProto {
  const strings = stringConstants(graph);
  if (strings.size === 0) return graph;
  for (const name of namesRead(graph)) strings.delete(name);
  return withoutStrings(graph, strings);
}

/** The graph without these constants. */
function withoutStrings(graph: GraphProto, strings: ReadonlySet<string>): GraphProto {
  return {
    ...graph,
    node: graph.node.filter(({ output }) => !output.some((name) => strings.has(name))),
    initializer: graph.initializer.filter(
      (bytes) => !strings.has(readHeader(bytes, "initializer").name),
    ),
  };
}

/** What outputs and nodes read, those of subgraphs included. */
function* namesRead({ output, node }: GraphProto): Generator<string> {
  for (const { name } of output) yield name;
  for (const { input, attribute } of node) {
    yield* input;
    for (const { g } of attribute) if (g) yield* namesRead(g);
  }
}

/** A linear classifier that gives its scores alone. */
function withoutLabel(node: NodeProto): NodeProto {
  return { ...node, output: node.output.with(0, "") };
}

function isWords({ type }: ValueInfoProto): boolean {
  const value = type?.value;
  if (value?.case === undefined) return false;
  return value.case !== "tensorType" || value.value.elemType === string;
}

/** Names of string initializers and of the results of constants that are strings. */
function stringConstants(graph: GraphProto): Set<string> {
  const names = new Set<string>();
  for (const bytes of graph.initializer) {
    const { name, dataType } = readHeader(bytes, "initializer");
    if (dataType === string) names.add(name);
  }
  for (const { opType, attribute, output } of graph.node) {
    const isString = attribute.some(
      ({ name, t }) =>
        name.startsWith("value_string") ||
        (t !== undefined && readHeader(t, "constant").dataType === string),
    );
    if (opType === "Constant" && isString) for (const name of output) names.add(name);
  }
  names.delete(""); // which stands for an output that is left out
  return names;
}

function scoreOutput(name: string): ValueInfoProto {
  const value = { case: "tensorType", value: { elemType: float } } as const;
  return create(ValueInfoProtoSchema, { name, type: { value } });
}
