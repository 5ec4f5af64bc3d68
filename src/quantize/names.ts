/** Types of numbers that the shipped file can be written in besides float32. */
export const quantizations = ["int8", "fp16"] as const;
export type Quantization = (typeof quantizations)[number];
