// Files built to cost time or memory: each is refused, or read, within two seconds.
import { describe, expect, test } from "vitest";
import { parseModel } from "../../src/onnx/index.ts";
import { LimitError } from "../../src/onnx/problems.ts";
import {
  attribute,
  type FunctionParts,
  floats,
  functionProto,
  graph,
  message,
  model,
  node,
  opset,
  packed,
  scalar,
  tensor,
  value,
  withGraph,
} from "./protos.ts";

const seconds = 2;

/** Runs within the time that a file may take, with room for a busy machine. */
function timed<T>(run: () => T): T {
  const before = process.cpuUsage();
  try {
    return run();
  } finally {
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(2 * seconds);
  }
}

const refuse = (bytes: Uint8Array, expected: string) =>
  timed(() => expect(() => parseModel(bytes)).toThrow(expected));

const call = (name: string, from: string, to: string) =>
  node(name, [from], [to], { domain: "local" });
const relu = node("Relu", ["a"], ["b"]);

/** Functions F0 to F(count - 1), each of which calls the one before it `times` times. */
function tower(count: number, times: number): Uint8Array[] {
  return Array.from({ length: count }, (_, level) =>
    functionProto(`F${level}`, {
      inputs: ["a"],
      outputs: ["b"],
      nodes:
        level === 0
          ? [relu]
          : Array.from({ length: times }, (_, i) =>
              call(`F${level - 1}`, i === 0 ? "a" : `m${i}`, i === times - 1 ? "b" : `m${i + 1}`),
            ),
    }),
  );
}

const withCall = (name: string, functions: readonly Uint8Array[]) =>
  model({ graph: graph({ nodes: [call(name, "x", "y")] }), functions });

describe("functions", () => {
  test("may be 64 deep", () => {
    expect(parseModel(withCall("F63", tower(64, 1))).nodes).toHaveLength(1);
  });

  test("may not be 65 deep", () => refuse(withCall("F64", tower(65, 1)), "64 calls deep"));

  test("may not be 3000 deep", () => refuse(withCall("F2999", tower(3000, 1)), "calls deep"));

  test("may not double 40 times", () => refuse(withCall("F39", tower(40, 2)), "100000 nodes"));

  test("may not double 40 times to nothing", () => {
    const [, ...rest] = tower(40, 2);
    const nothing = functionProto("F0", { inputs: ["a"], outputs: ["b"], nodes: [] });
    refuse(withCall("F39", [nothing, ...rest]), "100000 nodes and function calls");
  });

  test("may not multiply inputs", () => {
    const wide = node("Sum", Array(10_000).fill("a"), ["b"]);
    const functions = [
      functionProto("F0", { inputs: ["a"], outputs: ["b"], nodes: [wide] }),
      ...tower(10, 3).slice(1),
    ];
    refuse(withCall("F9", functions), "more than 2000000 inputs");
  });

  const names = (count: number) => Array.from({ length: count }, (_, i) => `p${i}`);

  /** A model that calls F a thousand times. */
  const thousandCalls = (definition: Uint8Array) =>
    model({
      graph: graph({ nodes: Array.from({ length: 1000 }, (_, i) => call("F", "x", `y${i}`)) }),
      functions: [definition],
    });

  test.each<[string, FunctionParts]>([
    ["inputs that calls leave out", { inputs: names(10_000), outputs: ["b"], nodes: [] }],
    ["outputs that calls leave out", { inputs: ["a"], outputs: names(10_000), nodes: [] }],
    [
      "defaults of attributes",
      {
        inputs: ["a"],
        outputs: ["b"],
        nodes: [],
        defaults: names(10_000).map((name) => attribute(name, 2, [3, 1])),
      },
    ],
    [
      "graphs that are defaults",
      {
        inputs: ["a"],
        outputs: ["b"],
        nodes: [],
        defaults: [attribute("body", 5, [6, graph({ nodes: Array(10_000).fill(relu) })])],
      },
    ],
  ])("may not multiply %s", (_, definition) => {
    refuse(thousandCalls(functionProto("F", definition)), "functions inlined");
  });

  test("may not multiply versions of operators", () => {
    const definition = functionProto("F", { inputs: ["a"], outputs: ["b"], nodes: [relu] });
    const versions = Array.from({ length: 10_000 }, (_, i) => message([9, opset(`d${i}`, 1)]));
    refuse(thousandCalls(Buffer.concat([definition, ...versions])), "functions inlined");
  });

  test("may not double in graphs that are defaults", () => {
    const twice = (name: string) => graph({ nodes: [call(name, "x", "y"), call(name, "x", "z")] });
    const functions = Array.from({ length: 20 }, (_, level) =>
      functionProto(`F${level}`, {
        inputs: ["a"],
        outputs: ["b"],
        nodes: [relu],
        defaults: level === 0 ? [] : [attribute("body", 5, [6, twice(`F${level - 1}`)])],
      }),
    );
    refuse(withCall("F19", functions), "functions inlined");
  });

  test("share their constants", () => {
    const constant = (name: string) =>
      node("Constant", [], [name], {
        attributes: [attribute("value_ints", 7, [8, new Uint8Array(100_000).fill(1)])],
      });
    const functions = [
      functionProto("F0", {
        inputs: ["a"],
        outputs: ["b"],
        nodes: [constant("c"), node("Add", ["a", "c"], ["b"])],
      }),
      ...tower(13, 2).slice(1),
    ];
    const { initializers } = timed(() => parseModel(withCall("F12", functions)));
    expect(initializers.size).toBe(4096);
    expect(new Set([...initializers.values()].map(({ data }) => data)).size).toBe(1);
  });
});

/** A graph with `depth - 1` graphs inside each other. */
function nested(depth: number): Uint8Array {
  let inner = graph({ inputs: [], outputs: [], nodes: [] });
  for (let level = 1; level < depth; level++) {
    const outputs = level === depth - 1 ? [value("y", [2])] : [];
    const inputs = level === depth - 1 ? [value("x", [2])] : [];
    const holder = node("If", [], [level === depth - 1 ? "y" : `t${level}`], {
      attributes: [attribute("then_branch", 5, [6, inner])],
    });
    inner = graph({ inputs, outputs, nodes: [holder] });
  }
  return model({ graph: inner });
}

describe("subgraphs", () => {
  test("may be 32 deep", () => {
    expect(parseModel(nested(32)).nodes).toHaveLength(1);
  });

  test.each([33, 1000])("may not be %i deep", (depth) => {
    refuse(nested(depth), "graphs are nested more than 32 deep");
  });

  test("may not get deeper through functions", () => {
    const holder = (inside: Uint8Array) =>
      node("If", [], ["b"], {
        attributes: [
          attribute("then_branch", 5, [6, graph({ inputs: [], outputs: [], nodes: [inside] })]),
        ],
      });
    const functions = Array.from({ length: 40 }, (_, level) =>
      functionProto(`F${level}`, {
        inputs: ["a"],
        outputs: ["b"],
        nodes: [holder(level === 0 ? node("Relu", ["a"], ["t"]) : call(`F${level - 1}`, "a", "t"))],
      }),
    );
    refuse(withCall("F39", functions), "nested more than 32 deep, functions inlined");
  });
});

describe("types", () => {
  test("may not be nested without end", () => {
    let type = message([1, message([1, 1])]);
    for (let level = 0; level < 500; level++) type = message([4, message([1, type])]);
    const inputs = [message([1, "x"], [2, type])];
    refuse(withGraph({ inputs }), "messages are nested more than 120 deep");
  });
});

const chain = (length: number) =>
  Array.from({ length }, (_, index) =>
    node("Relu", [index === 0 ? "x" : `t${index}`], [index === length - 1 ? "y" : `t${index + 1}`]),
  );

describe("counts", () => {
  const longest = chain(100_000);

  test("may be 100,000 nodes, in order or not", () => {
    const inOrder = withGraph({ nodes: longest });
    const reversed = withGraph({ nodes: longest.toReversed() });
    const first = timed(() => parseModel(inOrder));
    const last = timed(() => parseModel(reversed));
    expect(first.nodes).toHaveLength(100_000);
    for (const index of [0, 1, 50_000, 99_999])
      expect(last.nodes[index]).toEqual(first.nodes[index]);
  });

  test("may not be more nodes", () => {
    const nodes = [...longest, node("Relu", ["x"], ["z"])];
    refuse(withGraph({ nodes }), "more than 100000 nodes");
  });

  test("find a cycle of 100,000 nodes", () => {
    const nodes = longest.with(0, node("Relu", ["t50000"], ["t1"]));
    refuse(withGraph({ nodes }), "in a cycle");
  });

  test("may not be more messages", () => {
    const bytes = message(
      [1, 8],
      [7, Uint8Array.from({ length: 1_000_002 }, (_, i) => (i % 2 ? 0 : 10))],
    );
    refuse(bytes, "more than 500000 parts");
  });

  test("may not be more numbers in lists", () => {
    const many = attribute("a", 7, [8, new Uint8Array(4_000_001)]);
    const nodes = [node("Relu", ["x"], ["y"], { attributes: [many] })];
    refuse(withGraph({ nodes }), "4000000 values");
  });

  test("may not be more text", () => {
    const long = node("Relu", ["x"], ["y"], { name: "n".repeat(65_000) });
    const nodes = Array<Uint8Array>(2100).fill(long);
    refuse(withGraph({ nodes }), `more than ${2 ** 27} bytes`);
  });

  test("do not depend on how much is skipped", () => {
    const skipped = Buffer.concat(Array(200_000).fill(message([13, value("x", [1])])));
    const nodes = [node("Relu", ["x"], ["y"])];
    const body = Buffer.concat([graph({ nodes }), skipped]);
    expect(timed(() => parseModel(model({ graph: body }))).nodes).toHaveLength(1);
  });
});

describe("large tensors", () => {
  test("are read at once, in every encoding", () => {
    const count = 5_000_000;
    const data = new Uint8Array(4 * count);
    const small = new Uint8Array(count).fill(1);
    const initializers = [
      tensor("raw", { dims: [count] }, [9, data]),
      tensor("floats", { dims: [count] }, [4, data]),
      tensor("ints", { type: 7, dims: [count] }, [7, small]),
    ];
    const graphOf = () => parseModel(withGraph({ initializers }));
    expect(timed(graphOf).initializers.get("ints")!.data).toHaveLength(8 * count);
  });

  test("take no memory before their size was checked", () => {
    const before = process.memoryUsage().arrayBuffers;
    const initializers = [tensor("w", { dims: [2 ** 29 - 1] }, [4, floats(1)])];
    refuse(withGraph({ initializers }), "float_data has 1 value,");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50e6);
  });
});

test("stops looking once a limit is exceeded", () => {
  const broken = tensor("w", { dims: [3] }, [5, packed([1])]);
  const bytes = model({
    graph: graph({ nodes: [call("F39", "x", "y")], initializers: [broken, scalar("v")] }),
    functions: tower(40, 2),
  });
  try {
    parseModel(bytes);
    expect.unreachable();
  } catch (error) {
    expect((error as Error).cause).toBeInstanceOf(LimitError);
  }
});
