// Generated convolutions and pools of one, two and three spatial axes against ONNX Runtime.
import { describe, expect, test } from "vitest";
import { randomBits, uniform } from "../../src/graph/random.ts";
import { float32, graph, node } from "../graph/graphs.ts";
import { agrees } from "./run.ts";

/** Cases for each operator; this many must at least be taken by ONNX Runtime. */
const [generated, compared] = [120, 60];

/** Whole numbers drawn in turn from a stream of the case's own. */
function dice(name: string, seed: number) {
  const bits = randomBits({ seed, name }, 256);
  let next = 0;
  return (least: number, most: number) => least + (bits[next++]! % (most - least + 1));
}

function drawWindow(name: string, seed: number) {
  const draw = dice(name, seed);
  const rank = [1, 2, 2, 2, 3][draw(0, 4)]!;
  const each = (least: number, most: number, count = rank) =>
    Array.from({ length: count }, () => draw(least, most));
  const kernel = each(1, 4);
  const symmetric = each(0, 2);
  const autoPad = ["NOTSET", "NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"][draw(0, 5)]!;
  const pads = draw(0, 1) ? [...symmetric, ...symmetric] : each(0, 2, 2 * rank);
  // Where a window that keeps the size steps over pixels, ONNX Runtime's operators differ.
  const longest = (axis: number) => (autoPad.startsWith("SAME") ? kernel[axis]! : 3);
  const strides = each(1, 3).map((stride, axis) => Math.min(stride, longest(axis)));
  return {
    draw,
    spatial: each(7, 12),
    window: {
      kernel_shape: kernel,
      strides,
      dilations: draw(0, 1) ? each(1, 2) : each(1, 1),
    },
    padding: autoPad === "NOTSET" ? { pads } : { auto_pad: autoPad },
  };
}

type Drawn = ReturnType<typeof drawWindow>;

/** Pooling wants a pixel in every window; ONNX Runtime's SAME forgets the dilations there. */
function forPooling({ window, padding, spatial }: Drawn, dilated: boolean) {
  const keepsDilations = dilated && !padding.auto_pad?.startsWith("SAME");
  const { kernel_shape: kernel, strides, dilations } = window;
  const pads = padding.pads?.map((size, i) => Math.min(size, kernel[i % kernel.length]! - 1));
  return {
    spatial,
    attributes: {
      kernel_shape: kernel,
      strides,
      ...(keepsDilations && { dilations }),
      ...(pads ? { pads } : padding),
    },
  };
}

function weights(shape: readonly number[]) {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = uniform({ seed: 1, name: "weights" }, count);
  return float32(
    shape,
    Array.from(values, (value) => value - 0.5),
  );
}

function convolution(seed: number) {
  const { draw, spatial, window, padding } = drawWindow("Conv", seed);
  const [group, perGroup, outputs] = [draw(1, 3), draw(1, 3), draw(1, 3)];
  const shape = [group * outputs, perGroup, ...window.kernel_shape];
  const bias = draw(0, 1) === 1;
  const model = graph({
    inputs: { x: [2, group * perGroup, ...spatial] },
    initializers: { w: weights(shape), b: weights([group * outputs]) },
    nodes: [
      node("Conv", ["x", "w", ...(bias ? ["b"] : [])], "y", { group, ...window, ...padding }),
    ],
    outputs: ["y"],
  });
  return { model, shape: [2, group * perGroup, ...spatial] };
}

function transposedConvolution(seed: number) {
  const { draw, spatial, window, padding } = drawWindow("ConvTranspose", seed);
  const [group, perGroup, outputs] = [draw(1, 3), draw(1, 3), draw(1, 2)];
  const shape = [group * perGroup, outputs, ...window.kernel_shape];
  const extra = window.strides.map((stride) => draw(0, stride - 1));
  const model = graph({
    inputs: { x: [2, group * perGroup, ...spatial] },
    initializers: { w: weights(shape), b: weights([group * outputs]) },
    nodes: [
      node("ConvTranspose", ["x", "w", "b"], "y", {
        group,
        ...window,
        ...padding,
        ...(draw(0, 1) && { output_padding: extra }),
      }),
    ],
    outputs: ["y"],
  });
  return { model, shape: [2, group * perGroup, ...spatial] };
}

function pool(operator: string, seed: number) {
  const drawn = drawWindow(operator, seed);
  const { draw } = drawn;
  const opset = operator === "MaxPool" ? 17 : 19;
  const { spatial, attributes } = forPooling(drawn, operator !== "LpPool");
  const shape = [2, 3, ...spatial];
  const model = graph({
    inputs: { x: shape },
    nodes: [
      node(operator, ["x"], "y", {
        ...attributes,
        ceil_mode: draw(0, 1),
        ...(operator === "AveragePool" && { count_include_pad: draw(0, 1) }),
        ...(operator === "LpPool" && { p: draw(1, 3) }),
      }),
    ],
    outputs: ["y"],
    opset,
  });
  return { model, shape };
}

const cases = {
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  MaxPool: (seed: number) => pool("MaxPool", seed),
  AveragePool: (seed: number) => pool("AveragePool", seed),
  LpPool: (seed: number) => pool("LpPool", seed),
};

describe.each(Object.entries(cases))("%s", (_, draw) => {
  test("computes what ONNX Runtime does", async () => {
    let agreed = 0;
    for (let seed = 0; seed < generated; seed++) {
      const { model, shape } = draw(seed);
      if (await agrees(model, { x: shape })) agreed++;
    }
    expect(agreed).toBeGreaterThanOrEqual(compared);
  });
});

describe("a convolution of many channels", () => {
  const padded = { pads: [1, 1, 1, 1] };

  test.each<[string, Parameters<typeof node>[3], number?]>([
    ["in steps of one", padded],
    ["in steps", { ...padded, strides: [2, 2] }],
    ["with gaps", { ...padded, dilations: [2, 2] }],
    ["without padding", {}],
    ["with padding on one side", { pads: [0, 1, 2, 1] }],
    ["with outputs that fill no panel", padded, 52],
  ])("computes what ONNX Runtime does %s", async (_, attributes, outputs = 48) => {
    const model = graph({
      inputs: { x: [2, 48, 7, 9] },
      initializers: { w: weights([outputs, 48, 3, 3]), b: weights([outputs]) },
      nodes: [node("Conv", ["x", "w", "b"], "y", attributes)],
      outputs: ["y"],
    });
    expect(await agrees(model, { x: [2, 48, 7, 9] })).toBe(true);
  });
});
