// Rewrites: functions from graph to graph, one file each in rewrites/.
export { canonicalHead } from "./rewrites/canonicalHead.ts";
export { dequantize } from "./rewrites/dequantize.ts";
export { dropTails } from "./rewrites/dropTails.ts";
export { eliminateDeadNodes } from "./rewrites/eliminateDeadNodes.ts";
export { endInLogits } from "./rewrites/endInLogits.ts";
export { foldBatchNorm } from "./rewrites/foldBatchNorm.ts";
export { foldConstants } from "./rewrites/foldConstants.ts";
export { freeBatch } from "./rewrites/freeBatch.ts";
export { fixInputSizes } from "./rewrites/inputSizes.ts";
export { paddedMaxima, protectPadding } from "./rewrites/paddedMaxima.ts";
export { pixelTypes, takePixelsAsFloats } from "./rewrites/pixelInput.ts";
export { renameTensors, stripNames } from "./rewrites/rename.ts";
export { sinkTransposes } from "./rewrites/sinkTransposes.ts";
export { nameSqueezedAxes } from "./rewrites/squeezes.ts";
export { takeLogits } from "./rewrites/takeLogits.ts";
export { toFloat32Graph } from "./rewrites/toFloat32.ts";
export { unfuse } from "./rewrites/unfuse.ts";
export { compose, cutGraph, graphBehind, subgraph } from "./subgraph.ts";
