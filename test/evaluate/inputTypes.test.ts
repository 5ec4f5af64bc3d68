import { describe, expect, it } from "vitest";
import { imagesAs } from "../../src/evaluate/inputTypes.ts";
import { fromNumbers, toNumbers } from "../../src/graph/tensorData.ts";

describe("images for an input of another type", () => {
  const images = fromNumbers("float32", [1, 1, 1, 3], [0, 100 / 255, 1]);

  it("are pixels where it takes whole numbers", () => {
    for (const dtype of ["uint8", "int32", "int64"] as const) {
      const pixels = imagesAs(dtype, images, "model.onnx");
      expect(pixels).toMatchObject({ dtype, shape: [1, 1, 1, 3] });
      expect(toNumbers(pixels)).toEqual([0, 100, 255]);
    }
  });

  it("are the same numbers where it takes floats", () => {
    expect(imagesAs("float32", images, "model.onnx")).toBe(images);
    expect(toNumbers(imagesAs("float64", images, "model.onnx"))).toEqual(toNumbers(images));
    expect(toNumbers(imagesAs("float16", images, "model.onnx"))[2]).toBe(1);
  });

  it("are refused where they are no pixels any more", () => {
    const normalised = fromNumbers("float32", [1, 1, 1, 2], [-1, 0.5]);
    expect(() => imagesAs("uint8", normalised, "model.onnx")).toThrow(
      "model.onnx takes pixels from 0 to 255 as uint8 and normalises them itself; leave out --mean and --std",
    );
  });
});
