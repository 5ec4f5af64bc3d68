import { ModelError } from "../errors.ts";
import { FreshNames } from "../graph/freshNames.ts";
import {
  type Attribute,
  describeNode,
  type Graph,
  type Node,
  type TensorData,
  type ValueInfo,
} from "../graph/graph.ts";
import { operation } from "../graph/operation.ts";
import { record } from "../record.ts";
import { attributeKind, readAttribute } from "./attributes.ts";
import { constantValue } from "./constants.ts";
import type { ModelFile } from "./decode.ts";
import { checkExpansion } from "./expansion.ts";
import type { ExternalData } from "./external.ts";
import {
  assertOpset,
  callScope,
  collectNames,
  functionKey,
  modelScope,
  normaliseDomain,
  readFunctions,
  type Scope,
} from "./functions.ts";
import type { AttributeProto, FunctionProto, GraphProto, NodeProto } from "./generated/onnx_pb.ts";
import { limits } from "./limits.ts";
import { orderGraph } from "./order.ts";
import { escapeText, LimitError, Problems, quote } from "./problems.ts";
import { decodeTensor, type NamedTensorData } from "./tensor.ts";
import { readValueInfo } from "./valueInfo.ts";
import { checkVersions } from "./versions.ts";
import { dropWords } from "./words.ts";

/** What is gathered while the nodes of one graph are read. */
interface Contents {
  readonly nodes: Node[];
  readonly initializers: Map<string, TensorData>;
}

/**
 * Reads one decoded model.
 * @throws ModelError (from `read` and from the constructor) with all complaints at once
 */
export class ModelReader {
  readonly #graph: GraphProto;
  readonly #opset: number;
  readonly #functions: ReadonlyMap<string, FunctionProto>;
  readonly #external: ExternalData;
  readonly #problems = new Problems();
  readonly #names: { readonly tensors: FreshNames; readonly nodes: FreshNames };
  /** Attributes that hold no graph and no reference are the same in every call. */
  readonly #attributes = new Map<AttributeProto, Attribute>();
  /** Likewise the initializers of graphs in functions. */
  readonly #tensors = new Map<Uint8Array, NamedTensorData>();
  #depth = 0;

  constructor({ model, graph }: ModelFile, external: ExternalData) {
    this.#graph = dropWords(graph);
    this.#opset = checkVersions(model);
    this.#functions = readFunctions(model);
    checkExpansion(graph, this.#functions);
    this.#external = external;
    const tensors = new Set<string>();
    const nodes = new Set<string>();
    if (this.#functions.size > 0) collectNames(graph, tensors, nodes);
    this.#names = { tensors: new FreshNames(tensors), nodes: new FreshNames(nodes) };
  }

  read(): Graph {
    const graph = this.#readGraph(this.#graph, modelScope);
    if (this.#graph.output.length === 0) this.#problems.add("the graph has no outputs");
    this.#problems.throwIfAny();
    const ordered = orderGraph(graph, this.#problems);
    this.#problems.throwIfAny();
    return ordered;
  }

  #readGraph(proto: GraphProto, scope: Scope): Graph {
    if (this.#depth === limits.graphDepth)
      throw new LimitError(
        `graphs are nested more than ${limits.graphDepth} deep, functions inlined`,
      );
    this.#depth++;
    const contents: Contents = { nodes: [], initializers: new Map() };
    for (const [index, bytes] of proto.initializer.entries())
      this.#problems.attempt(() => this.#readInitializer(bytes, { index, scope, contents }));
    if (proto.sparseInitializer.length > 0)
      this.#problems.add(
        `the graph has ${proto.sparseInitializer.length} sparse initializers, which are not supported`,
      );
    const inputs = proto.input
      .map((input) => this.#readValue(() => readValueInfo(input, "input"), scope))
      .filter((input) => input !== undefined)
      .filter((input) => !this.#isInitialized(input, contents));
    const listed = new Set<string>(); // some exporters list an output twice
    const outputs = proto.output
      .map((output) => this.#readValue(() => readValueInfo(output, "output"), scope))
      .filter((output) => output !== undefined)
      .filter(({ name }) => !listed.has(name) && listed.add(name));
    this.#readNodes(proto.node, scope, contents);
    this.#depth--;
    return { name: proto.name, opset: this.#opset, inputs, outputs, ...contents };
  }

  #readInitializer(
    bytes: Uint8Array,
    { index, scope, contents }: { index: number; scope: Scope; contents: Contents },
  ): void {
    const tensor =
      this.#tensors.get(bytes) ??
      decodeTensor(bytes, { subject: "initializer", external: this.#external });
    this.#tensors.set(bytes, tensor);
    if (tensor.name === "") throw new ModelError(`initializer ${index} has no name`);
    const name = scope.tensor(tensor.name);
    if (contents.initializers.has(name))
      throw new ModelError(`initializer ${quote(name)} is defined twice`);
    contents.initializers.set(name, tensor.value);
  }

  #readValue(read: () => ValueInfo, scope: Scope): ValueInfo | undefined {
    let value: ValueInfo | undefined;
    this.#problems.attempt(() => {
      value = read();
      value = { ...value, name: scope.tensor(value.name) };
    });
    return value;
  }

  /** Whether an input is a weight: files before IR version 4 list weights as inputs too. */
  #isInitialized(input: ValueInfo, { initializers }: Contents): boolean {
    const tensor = initializers.get(input.name);
    if (tensor === undefined) return false;
    const { shape } = input;
    const fits =
      input.dtype === tensor.dtype &&
      (shape === undefined ||
        (shape.length === tensor.shape.length &&
          shape.every((size, axis) => typeof size === "string" || size === tensor.shape[axis])));
    if (!fits)
      this.#problems.add(
        `input ${quote(input.name)} is declared as ${input.dtype} [${escapeText(String(shape))}], but its initializer is ${tensor.dtype} [${tensor.shape}]`,
      );
    return true;
  }

  #readNodes(protos: readonly NodeProto[], scope: Scope, contents: Contents): void {
    for (const proto of protos)
      this.#problems.attempt(() => this.#readNode(proto, scope, contents));
  }

  #readNode(proto: NodeProto, scope: Scope, contents: Contents): void {
    const operator = proto.opType;
    const node: Node = {
      name: scope.node(proto.name, operator),
      operator,
      domain: normaliseDomain(proto.domain),
      inputs: proto.input.map(scope.tensor),
      outputs: proto.output.map(scope.tensor),
      attributes: {},
    };
    const complete = {
      ...node,
      attributes: this.#readAttributes(proto, () => describeNode(node), scope),
    };
    const definition = this.#functions.get(functionKey(proto));
    if (definition !== undefined) {
      this.#inline(complete, definition, contents);
    } else if (operator === "Constant" && node.domain === "") {
      const [output = ""] = node.outputs;
      if (contents.initializers.has(output))
        throw new ModelError(
          `${describeNode(node)} defines ${quote(output)}, which is defined already`,
        );
      if (output !== "") contents.initializers.set(output, constantValue(complete));
    } else {
      contents.nodes.push(complete);
    }
  }

  #inline(node: Node, definition: FunctionProto, contents: Contents): void {
    assertOpset(definition, this.#opset);
    const owner = () => `function ${quote(definition.name)}`;
    const defaults = new Map(
      definition.attributeProto.map((proto) => [
        proto.name,
        this.#readValueOf(proto, owner, modelScope),
      ]),
    );
    const body = callScope({ node, definition, defaults }, this.#names);
    this.#readNodes(definition.node, body, contents);
    for (const [index, output] of node.outputs.entries()) {
      const value = body.tensor(definition.output[index]!);
      if (output === "" || value === output) continue;
      const name = body.node("", "Identity");
      contents.nodes.push({ ...operation("Identity", [value], output), name });
    }
  }

  #readAttributes(proto: NodeProto, owner: () => string, scope: Scope): Node["attributes"] {
    const attributes = new Map<string, Attribute>();
    for (const attribute of proto.attribute) {
      if (attribute.name === "") throw new ModelError(`${owner()} has an attribute without a name`);
      if (attributes.has(attribute.name))
        throw new ModelError(`${owner()} has attribute ${quote(attribute.name)} twice`);
      if (attribute.refAttrName === "") {
        attributes.set(attribute.name, this.#readValueOf(attribute, owner, scope));
        continue;
      }
      const value = scope.attribute(attribute.refAttrName);
      if (value === undefined) continue;
      if (value.type !== attributeKind(attribute))
        throw new ModelError(
          `attribute ${quote(attribute.name)} of ${owner()} refers to ${quote(attribute.refAttrName)}, which is of another type (${value.type})`,
        );
      attributes.set(attribute.name, value);
    }
    return record(attributes);
  }

  #readValueOf(proto: AttributeProto, owner: () => string, scope: Scope): Attribute {
    const known = this.#attributes.get(proto);
    if (known !== undefined) return known;
    const attribute = readAttribute(proto, {
      owner,
      external: this.#external,
      readGraph: (graph) => this.#readGraph(graph, scope),
    });
    if (attribute.type !== "graph") this.#attributes.set(proto, attribute);
    return attribute;
  }
}
