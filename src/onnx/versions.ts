// Versions of the file format (IR) and of the standard operators (opset).
import { ModelError } from "../errors.ts";
import { normaliseDomain } from "./functions.ts";
import type { ModelProto } from "./generated/onnx_pb.ts";

/** Oldest and newest opset that is read; ONNX Runtime 1.30 takes none that is newer. */
export const opsets = { oldest: 7, newest: 26 } as const;

/** Version of the file format that an opset came with, by opset; older ones are written in version 8. */
const irVersions: Readonly<Record<number, number>> = {
  19: 9,
  20: 9,
  21: 10,
  22: 10,
  23: 11,
  24: 12,
  25: 13,
  26: 13,
};
const irRange = { oldest: 3, newest: 13 } as const;

/** Version of the file format to write for an opset. */
export function irVersion(opset: number): number {
  return irVersions[opset] ?? 8;
}

/**
 * The opset of a model.
 * @throws ModelError where a version is missing, contradictory, or not supported
 */
export function checkVersions(model: ModelProto): number {
  const ir = model.irVersion;
  if (ir < irRange.oldest || ir > irRange.newest)
    throw new ModelError(
      `the file has IR version ${ir}; versions ${irRange.oldest} to ${irRange.newest} are supported`,
    );
  const versions = new Map<string, bigint>();
  for (const { domain, version } of model.opsetImport) {
    const known = versions.get(normaliseDomain(domain));
    if (known !== undefined && known !== version)
      throw new ModelError(`the model imports opsets ${known} and ${version} of the same domain`);
    versions.set(normaliseDomain(domain), version);
  }
  const opset = versions.get("");
  if (opset === undefined)
    throw new ModelError("the model does not say which opset of the standard operators it uses");
  if (opset < opsets.oldest || opset > opsets.newest)
    throw new ModelError(
      `the model uses opset ${opset}; opsets ${opsets.oldest} to ${opsets.newest} are supported: export it again with one of them`,
    );
  return Number(opset);
}
