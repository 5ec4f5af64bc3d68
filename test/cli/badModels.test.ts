// Model files that are damaged, hostile or not what a command needs: exit code 3.
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { int } from "../../src/graph/attributes.ts";
import type { Graph, Node } from "../../src/graph/graph.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import * as proto from "../onnx/protos.ts";
import { workshop } from "../workshop.ts";
import { deepobf } from "./deepobf.ts";
import {
  convolutionModel,
  idxFiles,
  mapModel,
  oneNodeModel,
  png,
  residualModel,
} from "./fixtures.ts";
import { type Refusal, refusals } from "./refusal.ts";

const file = workshop();
for (const [name, content] of Object.entries(idxFiles())) file(`idx/${name}`, content);
const data = `idx:${file("idx")}`;
const model = encodeModel(residualModel());
let runs = 0;

type Content = Uint8Array | string | Graph;
type Command = (model: string) => string[];

const inspect: Command = (path) => ["inspect", path];
const check: Command = (path) => ["check", path, "--json"];
const evaluate: Command = (path) => ["evaluate", path, "--data", data];
const evaluateOnTorch: Command = (path) => [...evaluate(path), "--runtime", "torch"];
const obfuscate: Command = (path) => {
  const out = file(`run-${runs++}`);
  return ["obfuscate", path, "--data", data, "--depth", "3", "--epochs", "1", "--out", out];
};

/** A command on a model with this content; every message names the file. */
function refused(command: Command, content: Content, ...says: (string | RegExp)[]): () => Refusal {
  return () => {
    const path = file(`model-${runs++}.onnx`, content);
    return { args: command(path), code: 3, says };
  };
}

/** The residual model with a change of its nodes. */
function changed(change: (nodes: readonly Node[]) => readonly Node[]): Graph {
  const graph = residualModel();
  return { ...graph, nodes: [...change(graph.nodes)] };
}

/** A file with these nodes between the input x and the output y. */
function nodes(...list: readonly Uint8Array[]): Uint8Array {
  return proto.withGraph({ nodes: list });
}

/** A model whose images are multiplied by a second input. */
function masked(): Graph {
  const graph = residualModel();
  const [stem, ...rest] = graph.nodes;
  const product = { name: "product", domain: "", attributes: {}, outputs: ["shown"] };
  return {
    ...graph,
    inputs: [...graph.inputs, { name: "mask", dtype: "float32", shape: [1] }],
    nodes: [
      { ...product, operator: "Mul", inputs: ["image", "mask"] },
      { ...stem!, inputs: ["shown", ...stem!.inputs.slice(1)] },
      ...rest,
    ],
  };
}

/** A model whose shape is declared otherwise. */
function withInput(shape: readonly (number | string)[] | undefined, dtype?: "int64"): Graph {
  const graph = residualModel();
  const input = { ...graph.inputs[0]!, shape, dtype: dtype ?? "float32" } as const;
  return { ...graph, inputs: [input] };
}

refusals({
  "a file that does not exist": () => ({
    args: inspect(file("missing.onnx")),
    code: 3,
    says: ["missing.onnx: does not exist"],
  }),
  "a folder": () => ({ args: check(file("idx")), code: 3, says: [/idx: is a folder/] }),
  "a device without end": () => ({
    args: inspect("/dev/zero"),
    code: 3,
    says: ["/dev/zero: is not a regular file"],
  }),
  "an empty file": refused(inspect, "", /empty/),
  "an empty file, checked": refused(check, "", /empty/),
  "a text": refused(inspect, "weights = none\n", /not an ONNX|no ONNX|not a valid|cannot/i),
  "a PNG": async () => refused(check, await png(), /model-\d+\.onnx/)(),
  zeros: refused(check, new Uint8Array(4096), /model-\d+\.onnx/),
  "a model cut in half": refused(check, model.subarray(0, model.length / 2), /model-\d+\.onnx/),
  "a model without its last byte": refused(inspect, model.subarray(0, -1), /model-\d+\.onnx/),
  "a model with bytes after it": refused(
    inspect,
    Buffer.concat([model, Buffer.from([255, 255])]),
    /model-\d+\.onnx/,
  ),
  "an unsupported operator": refused(
    check,
    oneNodeModel("NonMaxSuppression", { name: "boxes" }),
    "NonMaxSuppression",
    '"boxes"',
  ),
  "an operator of another domain": refused(
    check,
    nodes(proto.node("FusedConv", ["x"], ["y"], { domain: "com.microsoft" })),
    "FusedConv",
    "com.microsoft",
  ),
  "two unsupported operators at once": refused(
    obfuscate,
    changed((nodes) =>
      nodes.map((node) =>
        node.operator === "Relu"
          ? { ...node, operator: "Rectify" }
          : node.operator === "Add"
            ? { ...node, operator: "Sum2" }
            : node,
      ),
    ),
    "Rectify",
    "Sum2",
  ),
  "an operator that does not exist, evaluated": refused(
    evaluateOnTorch,
    changed((nodes) =>
      nodes.map((node) => (node.operator === "Add" ? { ...node, operator: "Plus" } : node)),
    ),
    "Plus",
  ),
  "a model in training mode": refused(
    obfuscate,
    changed((nodes) =>
      nodes.map((node) =>
        node.operator === "BatchNormalization"
          ? { ...node, attributes: { ...node.attributes, training_mode: int(1) } }
          : node,
      ),
    ),
    "exported in training mode",
    "model.eval(); torch.onnx.export(",
  ),
  "pixels that are computed with as whole numbers": refused(
    obfuscate,
    withInput(["N", 1, 16, 16], "int64"),
    /input "image" is int64, and Conv node "stem" computes with it/,
  ),
  "a boundary that no tensor is": () => {
    const path = file("boundary.onnx", residualModel());
    const args = [...obfuscate(path), "--boundary", "layer9"];
    return { args, code: 3, says: ['"layer9" cannot be the boundary', "no tensor of that name"] };
  },
  "a boundary that is no feature map": () => {
    const path = file("logits.onnx", residualModel());
    const args = [...obfuscate(path), "--boundary", "logits"];
    return { args, code: 3, says: ['"logits" cannot be the boundary', "[1, 4]"] };
  },
  "a boundary that paths go around": () => {
    const path = file("around.onnx", residualModel());
    const args = [...obfuscate(path), "--boundary", "block.second"];
    return { args, code: 3, says: ['"block.second" cannot be the boundary', "go around it"] };
  },
  "no classifier boundary": refused(
    obfuscate,
    mapModel(),
    "expected a classifier, whose output is [batch, classes]",
    "[1, 4, 14, 14]",
  ),
  "an input of rank 2": refused(
    obfuscate,
    oneNodeModel("Relu", { shape: ["N", 16] }),
    '"image"',
    "[N, 16]",
  ),
  "an input of rank 3, evaluated": refused(
    evaluate,
    oneNodeModel("Relu", { shape: [1, 16, 16] }),
    "[batch, channels, height, width]",
    "[1, 16, 16]",
  ),
  "an input of whole numbers": refused(
    evaluate,
    withInput(["N", 1, 16, 16], "int64"),
    /float32|int64/,
  ),
  "an input without a rank": refused(
    check,
    withInput(undefined),
    '"image" has no shape',
    "--input-shape",
  ),
  "sizes that are open": refused(
    check,
    withInput(["N", 1, "H", "W"]),
    "[N, 1, H, W]",
    "--input-shape 1,3,224,224",
  ),
  "another shape than declared": () => {
    const path = file("fixed.onnx", residualModel());
    const args = [...check(path), "--input-shape", "1,3,16,16"];
    return { args, code: 3, says: ["[N, 1, 16, 16]", "[1, 3, 16, 16]"] };
  },
  "more than one input": refused(evaluate, masked(), "one input", '"mask"'),
  "an absurd size": refused(
    check,
    withInput(["N", 1, 2 ** 20, 2 ** 20]),
    /2\^31|elements|too large|absurd/,
  ),
  "an image beyond all reason": refused(
    check,
    withInput([1, 1, 8192, 8192]),
    '"image"',
    "67108864 elements",
  ),
  "an absurd padding": refused(
    check,
    convolutionModel({ pads: [2 ** 40, 0, 2 ** 40, 0] }),
    '"last"',
  ),
  "a kernel larger than the image": refused(check, convolutionModel({ kernel: 40 }), '"last"'),
  "channels that do not divide into groups": refused(
    check,
    convolutionModel({ groups: 3 }),
    '"last"',
  ),
  "a tensor that nothing makes": refused(
    inspect,
    nodes(proto.node("Add", ["x", "lost"], ["y"], { name: "sum" })),
    'Add node "sum" reads "lost"',
  ),
  "an output that nothing makes": refused(
    inspect,
    nodes(proto.node("Relu", ["x"], ["z"])),
    'output "y"',
  ),
  "a cycle": refused(
    check,
    nodes(proto.node("Add", ["x", "b"], ["a"]), proto.node("Relu", ["a"], ["b"])),
    /cycle/,
    'Add node "a"',
  ),
  "names that would steer the terminal": refused(
    inspect,
    nodes(proto.node("Evil\u001b[2J\u202e", ["x"], ["y"], { name: "\u001b]0;owned\u0007" })),
    "Evil\\u{1b}[2J\\u{202e}",
    "\\u{1b}]0;owned\\u{7}",
  ),
  "weights that are no numbers": () => {
    const graph = residualModel();
    const name = "classifier.bias";
    const bias = graph.initializers.get(name)!;
    const broken = { ...bias, data: new Uint8Array(bias.data.length).fill(255) };
    const initializers = new Map(graph.initializers).set(name, broken);
    const path = file("nan.onnx", { ...graph, initializers });
    return { args: evaluate(path), code: 3, says: ["nan.onnx gives NaN for image 0"] };
  },
});

test("differences in what is finite are told, not failed on", async () => {
  const graph = convolutionModel({ epsilon: -10 });
  const { code, stdout } = await deepobf(check(file("roots.onnx", graph)));
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toHaveProperty("maxAbsDiff");
  expect(existsSync(file("roots.onnx"))).toBe(true);
});
