// What several commands ask of a model file.
import { integers, text } from "./options.ts";

/** Sizes of the first input, for files that leave them open. */
export const inputShape = integers({
  flags: "--input-shape <N,C,H,W>",
  help: "sizes of the input, where the file leaves them open",
  example: "1,3,224,224",
  min: 1,
  max: 2 ** 31,
});

export const output = text({
  flags: "--output <NAME>",
  help: "output that tells the classes apart (default: the one that comes from a linear layer)",
  expected: "the name of an output",
});
