// Quantization of the shipped file.
export type { Quantization } from "./names.ts";
export { withOpsetForInt8 } from "./opset.ts";
export {
  type QuantizedFigures,
  type QuantizedFiles,
  quantizeGraph,
  quantizeShipped,
} from "./shipped.ts";
