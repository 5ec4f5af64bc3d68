import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { assertPlainPixels, imagesAs } from "../../src/evaluate/inputTypes.ts";
import { fromNumbers, toNumbers } from "../../src/graph/tensorData.ts";
import { graph } from "../graph/graphs.ts";

describe("images for an input of another type", () => {
  const images = fromNumbers("float32", [1, 1, 1, 3], [0, 100 / 255, 1]);

  test("are pixels where it takes whole numbers", () => {
    for (const dtype of ["uint8", "int32", "int64"] as const) {
      const pixels = imagesAs(dtype, images, "model.onnx");
      expect(pixels).toMatchObject({ dtype, shape: [1, 1, 1, 3] });
      expect(toNumbers(pixels)).toEqual([0, 100, 255]);
    }
  });

  test("are the same numbers where it takes floats", () => {
    expect(imagesAs("float32", images, "model.onnx")).toBe(images);
    expect(toNumbers(imagesAs("float64", images, "model.onnx"))).toEqual(toNumbers(images));
    expect(toNumbers(imagesAs("float16", images, "model.onnx"))[2]).toBe(1);
  });

  test("are refused where they are no pixels any more", () => {
    const normalised = fromNumbers("float32", [1, 1, 1, 2], [-1, 0.5]);
    expect(() => imagesAs("uint8", normalised, "model.onnx")).toThrow(
      "model.onnx takes pixels from 0 to 255 as uint8 and normalises them itself; leave out --mean and --std",
    );
  });

  test("are refused before anything runs where they would be normalised", () => {
    const model = (dtype: "uint8" | "float16") =>
      graph({ inputs: { x: { dtype, shape: ["N", 1, 2, 2] } }, nodes: [], outputs: [] });
    const normalised = { mean: [0.5], std: [1] };
    expect(() => assertPlainPixels(model("uint8"), normalised, "model.onnx")).toThrow(UsageError);
    expect(() => assertPlainPixels(model("float16"), normalised, "model.onnx")).not.toThrow();
    const plain = { mean: [0], std: [1] };
    expect(() => assertPlainPixels(model("uint8"), plain, "model.onnx")).not.toThrow();
  });
});
