// What belongs to the pooling of a feature map.
import type { Node } from "./graph.ts";
import type { Facts } from "./shapes.ts";

/** Whether a node shrinks the height or width of a feature map. */
export function isPooling(node: Node, facts: Facts): boolean {
  if (node.domain !== "") return false;
  if (/^(Global)?(Average|Max|Lp)Pool$/.test(node.operator)) return true;
  if (!node.operator.startsWith("Reduce")) return false;
  const [x, y] = [node.inputs[0]!, node.outputs[0]!].map((name) => facts.get(name)?.shape);
  if (!x || !y || (y.length !== 2 && y.length !== 4)) return false;
  return y[0] === x[0] && y[1] === x[1] && String(y) !== String(x);
}

/**
 * The map that a generalized mean (Radenović et al. 2018, arXiv 1711.02512), a mean square or the like begins with:
 * powers before pooling, and clipping before these, belong to it. A chain that gave the powers themselves could give
 * negative ones, of which there is no root.
 */
export function beforePowers(
  map: string,
  { made, candidates }: { made: ReadonlyMap<string, Node>; candidates: readonly string[] },
): string {
  const known = new Set(candidates);
  const back = (tensor: string, isPart: (node: Node) => boolean): string => {
    for (let map = tensor; ; ) {
      const node = made.get(map);
      const before = node?.inputs[0] ?? "";
      if (node?.domain !== "" || !isPart(node) || !known.has(before)) return map;
      map = before;
    }
  };
  const base = back(map, isPower);
  return base === map ? map : back(base, ({ operator }) => /^(Clip|Max)$/.test(operator));
}

function isPower({ operator, inputs }: Node): boolean {
  return /^(Pow|Sqrt|Exp)$/.test(operator) || (operator === "Mul" && inputs[0] === inputs[1]);
}
