// Control flow.
import { attribute } from "../attributes.ts";
import type { Call, Outputs } from "./call.ts";
import { facts } from "./call.ts";

/** With a constant condition the branch taken, else what both branches agree on. */
export function If(call: Call): Outputs {
  const { dtype, value } = call.input(0);
  if (dtype !== "bool") call.fail(`the condition must be bool, not ${dtype}`);
  const branch = (name: string) =>
    call.inferSubgraph(attribute(call.node, name, "graph") ?? call.fail(`"${name}" is missing`));
  if (value) return branch(value.data[0] ? "then_branch" : "else_branch");
  const others = branch("else_branch");
  return branch("then_branch").map((output, index) => {
    const other = others[index];
    const agree = output?.dtype === other?.dtype && String(output?.shape) === String(other?.shape);
    return output && other && agree ? facts(output.dtype, output.shape) : undefined;
  });
}

/** What a loop computes depends on data. */
export const Loop = (): Outputs => [];
export const Scan = (): Outputs => [];
