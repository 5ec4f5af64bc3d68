// What an operator of the engine is: one exported function in ops/, with the operator's ONNX name.
import type { Device, Tensor } from "../torch/index.ts";
import type { Attributes } from "./attributes.ts";

/** What an operator sees besides its inputs and attributes. */
export interface OperatorContext {
  /** Version of the standard operator set that the model was written for. */
  readonly opset: number;
  /** Whether batch norm takes the batch's statistics and dropout drops. */
  readonly training: boolean;
  /** Weight of the batch in the running statistics; by the node's momentum where it is left out. */
  readonly batchWeight?: number | undefined;
  readonly device: Device;
  /** Most elements that an output may have; fewer where its shape depends on data. */
  readonly mostElements: number;
  /** Number of outputs that the node names. */
  readonly outputs: number;
  /** Whether anything reads the output at this position. */
  isUsed(output: number): boolean;
  /**
   * The elements of an input where they are known before running, and always of one that `signatures`
   * marks with #; undefined where it is omitted.
   */
  values(input: number): readonly number[] | undefined;
}

/** The output, or all outputs in order; trailing ones that nothing reads may be left out. */
export type Outputs = Tensor | readonly Tensor[];

/**
 * An operator. Each declares its inputs as a tuple (`[Tensor, Tensor, Tensor?]`), which the engine fills
 * by the operator's signature; `never` stands for all these tuples. Throws for what it cannot do: the
 * engine adds the node's name.
 */
export type Operator = (inputs: never, attributes: Attributes, call: OperatorContext) => Outputs;

/** An operator that changed its meaning: the newest version not above the model's opset is taken. */
export type VersionedOperator = Readonly<Record<number, Operator>>;
