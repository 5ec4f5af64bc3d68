// What an analysis of a graph may cost. A file decides how long its lists are and how large its tensors,
// so the code that loops over them pays first, and a hostile file ends in an error instead of hours.
import { ModelError } from "../errors.ts";
import { describeNode, type Node } from "./graph.ts";

/** Steps of work, and bytes of constants made, that an analysis may take: seconds and a gigabyte at most. */
const [mostSteps, mostBytes] = [2 ** 24, 2 ** 30];

/** Work and memory that one analysis may spend; pass it on to the analyses that this one needs. */
export class Budget {
  #steps: number;
  #bytes: number;

  constructor({ steps = mostSteps, bytes = mostBytes } = {}) {
    this.#steps = steps;
    this.#bytes = bytes;
  }

  /**
   * Pays for what is about to be done for a node: looks at elements, inputs and the like (`steps`), and
   * constants that are kept (`bytes`). Throws ModelError with the node's name where too little is left.
   */
  spend(node: Node, { steps = 0, bytes = 0 }: { steps?: number; bytes?: number }): void {
    this.#steps -= steps;
    this.#bytes -= bytes;
    if (this.#steps >= 0 && this.#bytes >= 0) return;
    const used = this.#steps < 0 ? "work" : "memory";
    throw new ModelError(
      `${describeNode(node)}: looking at the model takes more ${used} than any classifier needs`,
    );
  }
}
