import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { liveTensors } from "../src/torch/index.ts";

setFlagsFromString("--expose-gc");
/** Frees what nothing refers to, at once. */
export const collect = runInNewContext("gc") as () => void;

/** Has the garbage collector free what earlier tests left to it, so that it changes no count later. Resolves to the number of live tensors. */
export async function collectGarbage(): Promise<number> {
  let unchanged = 0;
  for (let live = liveTensors(); unchanged < 3; ) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
    unchanged = liveTensors() === live ? unchanged + 1 : 0;
    live = liveTensors();
  }
  return liveTensors();
}
