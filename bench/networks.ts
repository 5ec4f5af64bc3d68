// Networks whose time in ONNX Runtime is compared with its estimate: those of the reference models, the usual
// ones with depthwise convolutions, and chains. Their weights are random.
import { float } from "../src/graph/attributes.ts";
import { GraphBuilder } from "../src/graph/builder.ts";
import type { Graph } from "../src/graph/graph.ts";
import { fromNumbers } from "../src/graph/tensorData.ts";

type Activation = (build: GraphBuilder, x: string) => string;

const relu: Activation = (build, x) => build.relu(x);
const relu6: Activation = (build, x) => {
  const [least, most] = [0, 6].map((value) =>
    build.initializer(`${x}.${value}`, fromNumbers("float32", [], [value])),
  );
  return build.node("Clip", [x, least!, most!]);
};
const silu: Activation = (build, x) => build.node("Mul", [x, build.node("Sigmoid", [x])]);
/** As exporters wrote it before there was an operator. */
const spelledHardSwish: Activation = (build, x) => {
  const [three, sixth] = [3, 1 / 6].map((value) =>
    build.initializer(`${x}.number${value}`, fromNumbers("float32", [], [value])),
  );
  const gate = relu6(build, build.node("Add", [x, three!]));
  return build.node("Mul", [build.node("Mul", [x, gate]), sixth!]);
};
const hardSwish: Activation = (build, x) => build.node("HardSwish", [x]);

/** Convolution, batch norm and activation. */
function layer(
  build: GraphBuilder,
  x: string,
  options: {
    name: string;
    outputs: number;
    kernel?: number;
    stride?: number;
    groups?: number;
    activation?: Activation | undefined;
  },
): string {
  const { kernel = 1, stride = 1, activation, ...others } = options;
  const padding = (kernel - 1) / 2;
  const conv = build.conv(x, { ...others, kernel, stride, padding });
  const normed = build.batchNorm(conv, { name: `${options.name}.norm` });
  return activation ? activation(build, normed) : normed;
}

function squeezeAndExcite(build: GraphBuilder, x: string, name: string): string {
  const channels = build.shape(x)[1]!;
  const pooled = build.globalAveragePool(x);
  const reduced = { name: `${name}.squeeze`, outputs: channels / 4, kernel: 1, bias: true };
  const hidden = build.relu(build.conv(pooled, reduced));
  const expanded = { name: `${name}.excite`, outputs: channels, kernel: 1, bias: true };
  const gate = build.node("HardSigmoid", [build.conv(hidden, expanded)], {
    attributes: { alpha: float(1 / 6) },
  });
  return build.node("Mul", [x, gate]);
}

interface Bottleneck {
  readonly expansion: number;
  readonly outputs: number;
  readonly stride: number;
  readonly kernel?: number;
  readonly excites?: boolean;
  readonly activation: Activation;
}

/** An inverted residual with a linear bottleneck (Sandler et al. 2018). */
function bottleneck(
  build: GraphBuilder,
  x: string,
  options: Bottleneck & { name: string },
): string {
  const { name, expansion, outputs, stride, kernel = 3, excites, activation } = options;
  const inputs = build.shape(x)[1]!;
  const wide = inputs * expansion;
  let y = x;
  if (expansion > 1) y = layer(build, y, { name: `${name}.expand`, outputs: wide, activation });
  y = layer(build, y, {
    name: `${name}.depth`,
    outputs: wide,
    kernel,
    stride,
    groups: wide,
    activation,
  });
  if (excites) y = squeezeAndExcite(build, y, name);
  y = layer(build, y, { name: `${name}.project`, outputs });
  return stride === 1 && inputs === outputs ? build.add(x, y) : y;
}

type Shape = readonly [number, number, number];

function classifier(shape: Shape, body: (build: GraphBuilder, image: string) => string): Graph {
  const build = new GraphBuilder();
  const features = body(build, build.input("image", ["N", ...shape]));
  const pooled = build.flatten(build.globalAveragePool(features));
  build.output(build.linear(pooled, { name: "classifier", outputs: 10 }), "logits");
  return build.build();
}

function inverted(
  shape: Shape,
  options: {
    stem: { outputs: number; stride: number };
    blocks: readonly Bottleneck[];
    last: number;
    activation: Activation;
  },
): Graph {
  const { stem, blocks, last, activation } = options;
  return classifier(shape, (build, image) => {
    const first = layer(build, image, { name: "stem", kernel: 3, ...stem, activation });
    const end = blocks.reduce(
      (x, block, i) => bottleneck(build, x, { ...block, name: `block${i}` }),
      first,
    );
    return layer(build, end, { name: "last", outputs: last, activation });
  });
}

/** MobileNetV2: expansion, outputs, repeats and first stride of each stage. */
export function mobilenetV2(shape: Shape, { width = 1, stride = 2 } = {}): Graph {
  const stages = [
    [1, 16, 1, 1],
    [6, 24, 2, stride],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, stride],
    [6, 320, 1, 1],
  ] as const;
  const scaled = (channels: number) => Math.max(8, 8 * Math.round((channels * width) / 8));
  const blocks = stages.flatMap(([expansion, outputs, repeats, first]) =>
    Array.from({ length: repeats }, (_, i) => {
      const size = { outputs: scaled(outputs), stride: i === 0 ? first : 1 };
      return { expansion, ...size, activation: relu6 };
    }),
  );
  const stem = { outputs: scaled(32), stride };
  return inverted(shape, { stem, blocks, last: scaled(1280), activation: relu6 });
}

/** EfficientNet's blocks with SiLU (Tan and Le 2019), fewer of them. */
export function efficientNet(shape: Shape, stride = 2): Graph {
  const rows = [
    [3, 1, 16, 1],
    [3, 6, 24, stride],
    [3, 6, 24, 1],
    [5, 6, 40, 2],
    [5, 6, 40, 1],
    [3, 6, 80, 2],
    [3, 6, 80, 1],
    [5, 6, 112, 1],
    [5, 6, 192, stride],
    [5, 6, 192, 1],
    [3, 6, 320, 1],
  ] as const;
  const blocks = rows.map(([kernel, expansion, outputs, step]) => {
    return { kernel, expansion, outputs, excites: true, stride: step, activation: silu };
  });
  return inverted(shape, { stem: { outputs: 32, stride }, blocks, last: 1280, activation: silu });
}

/** A ResNeXt: bottlenecks whose 3x3 convolutions have groups of `width` channels (Xie et al. 2017). */
export function resnext(shape: Shape, { groups = 32, width = 4 } = {}): Graph {
  return classifier(shape, (build, image) => {
    let x = layer(build, image, { name: "stem", outputs: 64, kernel: 3, activation: relu });
    for (let i = 0; i < 6; i++) {
      const [name, wide, stride] = [
        `block${i}`,
        groups * width * 2 ** (i >> 1),
        i % 2 === 0 && i > 0 ? 2 : 1,
      ];
      const inner = layer(build, x, { name: `${name}.a`, outputs: wide, activation: relu });
      const grouped = {
        name: `${name}.b`,
        outputs: wide,
        kernel: 3,
        stride,
        groups,
        activation: relu,
      };
      const last = layer(build, layer(build, inner, grouped), {
        name: `${name}.c`,
        outputs: 2 * wide,
      });
      const isSame = stride === 1 && build.shape(x)[1] === 2 * wide;
      const past = isSame
        ? x
        : layer(build, x, { name: `${name}.past`, outputs: 2 * wide, stride });
      x = build.relu(build.add(last, past));
    }
    return x;
  });
}

/** MobileNetV3 small: kernel, expansion, outputs, squeeze and excite, hard swish, stride. */
export function mobilenetV3(shape: Shape, { stride = 2, isSpelled = false } = {}): Graph {
  const swish = isSpelled ? spelledHardSwish : hardSwish;
  const rows = [
    [3, 1, 16, true, false, stride],
    [3, 4, 24, false, false, 2],
    [3, 4, 24, false, false, 1],
    [5, 4, 40, true, true, 2],
    [5, 6, 40, true, true, 1],
    [5, 6, 40, true, true, 1],
    [5, 3, 48, true, true, 1],
    [5, 6, 96, true, true, stride],
    [5, 6, 96, true, true, 1],
  ] as const;
  const blocks = rows.map(([kernel, expansion, outputs, excites, isSwish, step]) => {
    const activation = isSwish ? swish : relu;
    return { kernel, expansion, outputs, excites, stride: step, activation };
  });
  const stem = { outputs: 16, stride };
  return inverted(shape, { stem, blocks, last: 576, activation: swish });
}

/** PP-LCNet: depthwise separable layers with hard swish, squeeze and excite at the end (Cui et al. 2021). */
export function ppLcnet(shape: Shape, { width = 1, stride = 2 } = {}): Graph {
  const rows = [
    [3, 32, 1, false],
    [3, 64, stride, false],
    [3, 64, 1, false],
    [3, 128, 2, false],
    [3, 128, 1, false],
    [3, 256, 2, false],
    ...Array.from({ length: 5 }, () => [5, 256, 1, false] as const),
    [5, 512, stride, true],
    [5, 512, 1, true],
  ] as const;
  return classifier(shape, (build, image) => {
    const stem = { name: "stem", outputs: 16 * width, kernel: 3, stride, activation: hardSwish };
    let x = layer(build, image, stem);
    for (const [i, [kernel, outputs, step, excites]] of rows.entries()) {
      const groups = build.shape(x)[1]!;
      const depth = { name: `depth${i}`, outputs: groups, groups, kernel, stride: step };
      x = layer(build, x, { ...depth, activation: hardSwish });
      if (excites) x = squeezeAndExcite(build, x, `se${i}`);
      const point = { name: `point${i}`, outputs: outputs * width };
      x = layer(build, x, { ...point, activation: hardSwish });
    }
    return x;
  });
}

/** ShuffleNetV2: half of the channels pass, and halves are shuffled (Ma et al. 2018). */
export function shufflenetV2(shape: Shape, stride = 2): Graph {
  return classifier(shape, (build, image) => {
    let x = layer(build, image, { name: "stem", outputs: 24, kernel: 3, stride, activation: relu });
    if (stride > 1) x = build.maxPool(x, { kernel: 3, stride: 2, padding: 1 });
    for (const [stage, [outputs, repeats]] of [
      [116, 4],
      [232, 8],
      [464, 4],
    ].entries()) {
      for (let i = 0; i < repeats!; i++)
        x = shuffleUnit(build, x, { name: `s${stage}.${i}`, outputs: outputs!, isFirst: i === 0 });
    }
    return layer(build, x, { name: "last", outputs: 1024, activation: relu });
  });
}

function shuffleUnit(
  build: GraphBuilder,
  x: string,
  { name, outputs, isFirst }: { name: string; outputs: number; isFirst: boolean },
): string {
  const half = outputs / 2;
  const stride = isFirst ? 2 : 1;
  const depth = (y: string, part: string) => {
    const groups = build.shape(y)[1]!;
    return layer(build, y, { name: `${name}.${part}`, outputs: groups, groups, kernel: 3, stride });
  };
  const point = (y: string, part: string) =>
    layer(build, y, { name: `${name}.${part}`, outputs: half, activation: relu });
  const [passed, taken] = isFirst ? [point(depth(x, "d0"), "p0"), x] : halves(build, x, half);
  const made = point(depth(point(taken, "p1"), "d1"), "p2");
  const joined = build.concat([passed, made]);
  const [, , height, width] = build.shape(joined) as [number, number, number, number];
  const constant = (part: string, values: number[]) =>
    build.initializer(`${name}.${part}`, fromNumbers("int64", [values.length], values));
  const grouped = build.node("Reshape", [joined, constant("split", [0, 2, half, height, width])]);
  const turned = build.node("Transpose", [grouped], {
    attributes: { perm: { type: "ints", value: [0, 2, 1, 3, 4] } },
  });
  return build.node("Reshape", [turned, constant("join", [0, outputs, height, width])]);
}

function halves(build: GraphBuilder, x: string, half: number): [string, string] {
  const slice = (from: number) => {
    const [start, end, axis] = [from, from + half, 1].map((value, i) =>
      build.initializer(`${x}.${from}.${i}`, fromNumbers("int64", [1], [value])),
    );
    return build.node("Slice", [x, start!, end!, axis!], { name: `${x}.from${from}` });
  };
  return [slice(0), slice(half)];
}
