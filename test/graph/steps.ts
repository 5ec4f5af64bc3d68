// Small functions that append nodes to a graph, to be put together in the order of an exporter.
import type { GraphBuilder } from "../../src/graph/builder.ts";
import { attributes, int64 } from "./graphs.ts";

/** Appends nodes behind a tensor and gives the name of the result. */
export type Step = (build: GraphBuilder, x: string) => string;

type AttributeValues = Parameters<typeof attributes>[0];

/** A node with one input. */
export const op =
  (operator: string, values: AttributeValues = {}): Step =>
  (build, x) =>
    build.node(operator, [x], { attributes: attributes(values) });

/** Steps one after the other. */
export const inTurn =
  (...steps: readonly Step[]): Step =>
  (build, x) =>
    steps.reduce((tensor, step) => step(build, tensor), x);

/** A node whose second input is a list of whole numbers. */
export const withIntegers =
  (operator: string, values: readonly number[], extra: AttributeValues = {}): Step =>
  (build, x) => {
    const constant = build.initializer(`${x}.${operator}`, int64(...values));
    return build.node(operator, [x, constant], { attributes: attributes(extra) });
  };
