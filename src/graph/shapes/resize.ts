// Resizing. https://onnx.ai/onnx/operators/onnx__Resize.html
import { type Call, describe, facts, type ShapeRule, type TensorFacts } from "./call.ts";

/** Deprecated in favour of Resize: scales are an attribute before version 9, an input from then on. */
export const Upsample: ShapeRule = (call) => {
  const x = call.input(0);
  const scales =
    call.opset < 9 ? (call.floats("scales") ?? call.fail(`"scales" is missing`)) : call.constant(1);
  return [scaled(call, x, scales)];
};

/** Version 10 has scales only; 11 added regions and sizes, 18 axes and ratio policies. */
export function Resize(call: Call) {
  const x = call.input(0);
  if (call.opset < 11) return [scaled(call, x, call.constant(1))];
  const axes = call.axes(call.ints("axes") ?? x.shape.map((_, axis) => axis), x.shape.length);
  const scales = call.optional(2) && call.constant(2);
  if (scales && scales.length > 0) {
    const crop = call.string("coordinate_transformation_mode") === "tf_crop_and_resize";
    const region = crop ? call.constant(1) : undefined;
    const all = x.shape.map(() => 1);
    const parts = [...all];
    axes.forEach((axis, i) => {
      all[axis] = scales[i] ?? Number.NaN;
      if (region) parts[axis] = region[i + axes.length]! - region[i]!;
    });
    if (scales.length !== axes.length) call.fail(`scales [${scales}] do not fit ${describe(x)}`);
    return [scaled(call, x, all, parts)];
  }
  const sizes = call.integers(3);
  if (sizes.length !== axes.length) call.fail(`sizes [${sizes}] do not fit ${describe(x)}`);
  const shape = [...x.shape];
  const ratios = axes.map((axis, i) => Math.fround(sizes[i]! / x.shape[axis]!));
  const policy = call.string("keep_aspect_ratio_policy") ?? "stretch";
  const common = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  axes.forEach((axis, i) => {
    shape[axis] = policy === "stretch" ? sizes[i]! : Math.round(common * x.shape[axis]!);
  });
  return [facts(x.dtype, shape)];
}

/** The sizes are rounded down from float32, in which ONNX Runtime computes them. */
function scaled(
  call: Call,
  x: TensorFacts,
  scales: readonly number[],
  parts: readonly number[] = scales.map(() => 1),
): TensorFacts {
  if (scales.length !== x.shape.length || !scales.every((scale) => scale > 0)) {
    call.fail(`scales [${scales}] do not fit ${describe(x)}`);
  }
  return facts(
    x.dtype,
    x.shape.map((size, axis) => Math.floor(Math.fround(size * parts[axis]! * scales[axis]!))),
  );
}

/** Samples at every position of the grid. */
export function GridSample(call: Call) {
  const [x, grid] = [call.input(0), call.input(1)];
  const axes = x.shape.length - 2;
  if (axes < 1 || grid.shape.length !== x.shape.length || grid.shape.at(-1) !== axes) {
    call.fail(`the grid ${describe(grid)} does not fit ${describe(x)}`);
  }
  return [facts(x.dtype, [...x.shape.slice(0, 2), ...grid.shape.slice(1, -1)])];
}
