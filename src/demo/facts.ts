// What the page of both models is told: `demo.json` beside it.
import type { Layout } from "../graph/layout.ts";

/** What the page's script is told of a model. */
export interface DemoModel {
  readonly file: string;
  readonly input: string;
  readonly output: string;
  readonly layout: Layout;
  /** Steps of ONNX Runtime's optimizer that would change what it answers. */
  readonly without: readonly string[];
}

/** What `demo.json` holds. */
export interface DemoFacts {
  readonly name: string;
  readonly shape: readonly number[];
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** How images of other sizes are brought to this one; see Resize of src/data/imageView.ts. */
  readonly resize: "crop" | "squash" | number;
  /** Whether a rotation that a camera noted is applied. */
  readonly orientation: "apply" | "keep";
  readonly classes: readonly string[] | null;
  readonly original: DemoModel;
  readonly obfuscated: DemoModel;
  /** Test images: planar pixels in base64, one image after another, and their labels. */
  readonly images: {
    readonly count: number;
    /** Of the planes, as the models take them. */
    readonly channelOrder: "rgb" | "bgr";
    readonly pixels: string;
    readonly labels: readonly number[] | null;
  };
}
