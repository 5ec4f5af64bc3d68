// What a serialized TensorProto says about itself, read without its values.
import { fromBinary } from "@bufbuild/protobuf";
import { ModelError } from "../errors.ts";
import type { DataType } from "../graph/graph.ts";
import { type StringStringEntryProto, StringStringEntryProtoSchema } from "./generated/onnx_pb.ts";
import { limits } from "./limits.ts";
import { quote } from "./problems.ts";
import { checkWire, countPacked, WireReader, wire } from "./wire.ts";

/** Field numbers of TensorProto. */
const fields = {
  dims: 1,
  dataType: 2,
  segment: 3,
  floatData: 4,
  int32Data: 5,
  stringData: 6,
  int64Data: 7,
  name: 8,
  rawData: 9,
  doubleData: 10,
  uint64Data: 11,
  externalData: 13,
  dataLocation: 14,
} as const;

/** A field that can hold the elements: its number, wire type and the element types that belong there. */
export interface Storage {
  readonly name: string;
  readonly field: number;
  readonly wireType: number;
  readonly dtypes: readonly DataType[];
}

const narrowTypes = ["int8", "uint8", "int16", "uint16", "bool", "float16", "bfloat16"] as const;
export const storages: readonly Storage[] = [
  { name: "float_data", field: fields.floatData, wireType: wire.fixed32, dtypes: ["float32"] },
  {
    name: "int32_data",
    field: fields.int32Data,
    wireType: wire.varint,
    dtypes: ["int32", ...narrowTypes],
  },
  { name: "int64_data", field: fields.int64Data, wireType: wire.varint, dtypes: ["int64"] },
  { name: "double_data", field: fields.doubleData, wireType: wire.fixed64, dtypes: ["float64"] },
  {
    name: "uint64_data",
    field: fields.uint64Data,
    wireType: wire.varint,
    dtypes: ["uint32", "uint64"],
  },
  { name: "string_data", field: fields.stringData, wireType: wire.bytes, dtypes: [] },
];
const storageOf = new Map(storages.map((storage) => [storage.field, storage]));

export interface TensorHeader {
  readonly name: string;
  readonly dims: readonly bigint[];
  readonly dataType: number;
  readonly segmented: boolean;
  /** Number of elements by storage field. */
  readonly counts: ReadonlyMap<number, number>;
  readonly raw: Uint8Array | undefined;
  readonly isExternal: boolean;
  readonly externalData: readonly StringStringEntryProto[];
}

/**
 * Reads everything of a TensorProto but its values, which are only counted.
 * @throws ModelError where a field has the wrong type or exceeds a limit
 */
export function readHeader(bytes: Uint8Array, subject: string): TensorHeader {
  const dims: bigint[] = [];
  const counts = new Map<number, number>();
  const externalData: StringStringEntryProto[] = [];
  let name = "";
  let dataType = 0;
  let location = 0;
  let segmented = false;
  let raw: Uint8Array | undefined;
  const reader = new WireReader(bytes);
  while (reader.next()) {
    const storage = storageOf.get(reader.field);
    if (storage !== undefined) {
      const packed = reader.type === wire.bytes && storage.wireType !== wire.bytes;
      if (!packed) expectType(reader, storage.wireType);
      const added = packed ? countPacked(bytes, reader.start, reader.stop, storage.wireType) : 1;
      counts.set(reader.field, (counts.get(reader.field) ?? 0) + added);
      continue;
    }
    switch (reader.field) {
      case fields.dims:
        readDims(reader, dims, subject);
        break;
      case fields.dataType:
        expectType(reader, wire.varint);
        dataType = reader.low | 0;
        break;
      case fields.segment:
        segmented = true;
        break;
      case fields.name:
        expectType(reader, wire.bytes);
        if (reader.stop - reader.start > limits.nameBytes)
          throw new ModelError(`the name of ${subject} has more than ${limits.nameBytes} bytes`);
        name = new TextDecoder().decode(reader.value);
        break;
      case fields.rawData:
        expectType(reader, wire.bytes);
        if (raw !== undefined) throw new ModelError(`${subject} ${quote(name)} has raw_data twice`);
        raw = reader.value;
        break;
      case fields.externalData:
        expectType(reader, wire.bytes);
        if (externalData.length >= 16)
          throw new ModelError(`${subject} ${quote(name)} has more than 16 external_data entries`);
        checkWire(StringStringEntryProtoSchema, reader.value);
        externalData.push(fromBinary(StringStringEntryProtoSchema, reader.value));
        break;
      case fields.dataLocation:
        expectType(reader, wire.varint);
        location = reader.low;
        break;
    }
  }
  if (location > 1)
    throw new ModelError(`${subject} ${quote(name)} has the unknown data_location ${location}`);
  return {
    name,
    dims,
    dataType,
    segmented,
    counts,
    raw,
    isExternal: location === 1,
    externalData,
  };
}

function expectType(reader: WireReader, type: number): void {
  if (reader.type !== type)
    throw new ModelError(
      `the file is damaged: TensorProto field ${reader.field} has wire type ${reader.type} instead of ${type}`,
    );
}

function readDims(reader: WireReader, dims: bigint[], subject: string): void {
  if (reader.type === wire.varint) {
    dims.push(reader.int64);
  } else {
    expectType(reader, wire.bytes);
    const packed = new WireReader(reader.bytes, reader.start, reader.stop);
    while (packed.position < packed.end && dims.length <= limits.rank) {
      packed.varint();
      dims.push(packed.int64);
    }
  }
  if (dims.length > limits.rank)
    throw new ModelError(`${subject} has more than ${limits.rank} dimensions`);
}
