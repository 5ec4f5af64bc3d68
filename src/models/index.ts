// Reference models by the names that `deepobf train` takes.
import { UsageError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { nearest } from "../nearest.ts";
import { densenet } from "./densenet.ts";
import { googlenet } from "./googlenet.ts";
import { mobilenet } from "./mobilenet.ts";
import type { ModelOptions } from "./options.ts";
import { resnet, resnet18 } from "./resnet.ts";

export { densenet } from "./densenet.ts";
export { googlenet } from "./googlenet.ts";
export type { ModelOptions } from "./options.ts";
export { resnet } from "./resnet.ts";
export { type Activation, appendLayers, type Layer, layerNames, sequential } from "./sequential.ts";

type Architecture = (options?: ModelOptions) => Graph;

export const architectures: Readonly<Record<string, Architecture>> = {
  resnet8: (options) => resnet({ depth: 8, ...options }),
  resnet18,
  resnet20: (options) => resnet({ depth: 20, ...options }),
  resnet32: (options) => resnet({ depth: 32, ...options }),
  resnet44: (options) => resnet({ depth: 44, ...options }),
  resnet56: (options) => resnet({ depth: 56, ...options }),
  densenet: (options) => densenet({ depth: 40, ...options }),
  densenet100: (options) => densenet({ depth: 100, ...options }),
  googlenet: (options) => googlenet(options),
  mobilenet,
  "googlenet-half": (options) => googlenet({ width: 0.5, ...options }),
};

/** The builder of that name. Throws UsageError where there is none. */
export function architectureNamed(name: string): Architecture {
  if (Object.hasOwn(architectures, name)) return architectures[name]!;
  const known = Object.keys(architectures);
  const guess = nearest(name, known);
  throw new UsageError(
    `ARCH: expected one of ${known.join(", ")}, received "${name}"${guess ? `: did you mean ${guess}?` : ""}`,
  );
}
