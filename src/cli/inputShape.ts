// `--input-shape`: sizes of the first input, for files that leave them open.
import { integers } from "./options.ts";

export const inputShape = integers({
  flags: "--input-shape <N,C,H,W>",
  help: "sizes of the input, where the file leaves them open",
  example: "1,3,224,224",
  min: 1,
  max: 2 ** 31,
});
