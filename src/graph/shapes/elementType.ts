// Element types in attributes.
import type { DataType } from "../graph.ts";
import { typeCodes } from "../typeCodes.ts";
import type { Call } from "./call.ts";

/** The element type that an attribute such as `to` or `dtype` names by its number. */
export function elementType(call: Call, name: string): DataType | undefined {
  const code = call.int(name);
  if (code === undefined) return undefined;
  return (
    typeCodes.get(code) ?? call.fail(`"${name}" is ${code}, an element type that is not supported`)
  );
}
