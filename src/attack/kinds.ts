// The attacks by name.
import type { Kind } from "./campaign.ts";
import type { AttackKind } from "./names.ts";
import type { Scene } from "./scene.ts";
import { transfer } from "./transfer.ts";

const kinds: Readonly<Record<"transfer", (scene: Scene) => Kind>> = { transfer };

/** An attack by its name. */
export function kindNamed(_name: AttackKind): (scene: Scene) => Kind {
  return kinds.transfer;
}
