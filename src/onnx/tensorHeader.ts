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

/** What has been read so far. */
interface Draft extends Omit<TensorHeader, "isExternal"> {
  readonly dims: bigint[];
  readonly counts: Map<number, number>;
  readonly externalData: StringStringEntryProto[];
  name: string;
  dataType: number;
  location: number;
  segmented: boolean;
  raw: Uint8Array | undefined;
}

/**
 * Reads everything of a TensorProto but its values, which are only counted.
 * @throws ModelError where a field has the wrong type or exceeds a limit
 */
export function readHeader(bytes: Uint8Array, subject: string): TensorHeader {
  const draft: Draft = {
    dims: [],
    counts: new Map(),
    externalData: [],
    name: "",
    dataType: 0,
    location: 0,
    segmented: false,
    raw: undefined,
  };
  const reader = new WireReader(bytes);
  while (reader.next()) {
    const storage = storageOf.get(reader.field);
    if (storage) countElements(reader, storage, draft.counts);
    else readField(reader, draft, subject);
  }
  const { location, ...header } = draft;
  if (location > 1)
    throw new ModelError(
      `${subject} ${quote(header.name)} has the unknown data_location ${location}`,
    );
  return { ...header, isExternal: location === 1 };
}

function countElements(
  reader: WireReader,
  { field, wireType }: Storage,
  counts: Map<number, number>,
): void {
  const packed = reader.type === wire.bytes && wireType !== wire.bytes;
  if (!packed) expectType(reader, wireType);
  const added = packed ? countPacked(reader.bytes, reader.start, reader.stop, wireType) : 1;
  counts.set(field, (counts.get(field) ?? 0) + added);
}

function readField(reader: WireReader, draft: Draft, subject: string): void {
  switch (reader.field) {
    case fields.dims:
      readDims(reader, draft.dims, subject);
      break;
    case fields.dataType:
      draft.dataType = readVarint(reader) | 0;
      break;
    case fields.segment:
      draft.segmented = true;
      break;
    case fields.name:
      draft.name = readName(reader, subject);
      break;
    case fields.rawData: {
      const raw = readBytes(reader);
      if (draft.raw !== undefined)
        throw new ModelError(`${subject} ${quote(draft.name)} has raw_data twice`);
      draft.raw = raw;
      break;
    }
    case fields.externalData: {
      const entry = readBytes(reader);
      if (draft.externalData.length >= 16)
        throw new ModelError(
          `${subject} ${quote(draft.name)} has more than 16 external_data entries`,
        );
      checkWire(StringStringEntryProtoSchema, entry);
      draft.externalData.push(fromBinary(StringStringEntryProtoSchema, entry));
      break;
    }
    case fields.dataLocation:
      draft.location = readVarint(reader);
      break;
  }
}

function expectType(reader: WireReader, type: number): void {
  if (reader.type !== type)
    throw new ModelError(
      `the file is damaged: TensorProto field ${reader.field} has wire type ${reader.type} instead of ${type}`,
    );
}

/** The low 32 bits, without a sign. */
function readVarint(reader: WireReader): number {
  expectType(reader, wire.varint);
  return reader.low;
}

function readBytes(reader: WireReader): Uint8Array {
  expectType(reader, wire.bytes);
  return reader.value;
}

function readName(reader: WireReader, subject: string): string {
  const bytes = readBytes(reader);
  if (bytes.length > limits.nameBytes)
    throw new ModelError(`the name of ${subject} has more than ${limits.nameBytes} bytes`);
  return new TextDecoder().decode(bytes);
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
