// The attacks by name.
import type { Kind } from "./campaign.ts";
import { extraction } from "./extraction.ts";
import { incremental } from "./incremental.ts";
import type { AttackKind } from "./names.ts";
import { transfer } from "./transfer.ts";

export const kinds: Readonly<Record<AttackKind, Kind>> = { transfer, incremental, extraction };
