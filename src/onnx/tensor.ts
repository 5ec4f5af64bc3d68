import { ModelError } from "../errors.ts";
import { type DataType, elementSize, type TensorData } from "../graph/graph.ts";
import { counted } from "../text.ts";
import type { ExternalData } from "./external.ts";
import { limits } from "./limits.ts";
import { quote } from "./problems.ts";
import { readHeader, type Storage, storages, type TensorHeader } from "./tensorHeader.ts";
import { readDataType } from "./types.ts";
import { WireReader, wire } from "./wire.ts";

/** Where a tensor stands in the model. */
export interface TensorPlace {
  /** What the tensor is called in messages where it has no name of its own. */
  readonly subject: string;
  /** Reads data beside the model. */
  readonly external: ExternalData;
}

/** A tensor with its name, which is empty where it has none. */
export interface NamedTensorData {
  readonly name: string;
  readonly value: TensorData;
}

/**
 * Decodes a serialized TensorProto. The result may share memory with `bytes`; it is aligned for its element type.
 * @throws ModelError where the tensor contradicts itself or has an element type that DeepObf does not support
 */
export function decodeTensor(
  bytes: Uint8Array,
  { subject, external }: TensorPlace,
): NamedTensorData {
  const header = readHeader(bytes, subject);
  const label = header.name === "" ? subject : `${subject} ${quote(header.name)}`;
  const dtype = readDataType(header.dataType, label);
  const shape = readShape(header.dims, label);
  const count = countElements(shape, dtype, label);
  const storage = findStorage(header, dtype, label);
  const size = count * elementSize[dtype];
  const data = aligned(readData(), elementSize[dtype]);
  return { name: header.name, value: { dtype, shape, data } };

  function readData(): Uint8Array {
    if (header.isExternal) return checkBool(external.read(header.externalData, size, label));
    if (header.raw !== undefined) {
      if (header.raw.length !== size)
        throw new ModelError(
          `${label}: raw_data has ${counted(header.raw.length, "byte")}, but ${describe(dtype, shape)} needs ${size}`,
        );
      return checkBool(header.raw);
    }
    const stored = storage === undefined ? 0 : header.counts.get(storage.field)!;
    if (stored !== count)
      throw new ModelError(
        `${label}: ${storage?.name ?? "the tensor"} has ${counted(stored, "value")}, but ${describe(dtype, shape)} needs ${count}`,
      );
    return storage === undefined
      ? new Uint8Array(0)
      : copyElements(bytes, storage, { dtype, size, label });
  }

  function checkBool(data: Uint8Array): Uint8Array {
    if (dtype === "bool" && data.some((value) => value > 1))
      throw new ModelError(`${label}: a bool must be stored as 0 or 1`);
    return data;
  }
}

function readShape(dims: readonly bigint[], label: string): number[] {
  return dims.map((size) => {
    if (size < 0n || size > BigInt(limits.tensorBytes))
      throw new ModelError(`${label}: [${dims.join(", ")}] is not a possible shape`);
    return Number(size);
  });
}

function countElements(shape: readonly number[], dtype: DataType, label: string): number {
  // A size of 0 excuses no others: runtimes loop over these.
  const isEmpty = shape.includes(0);
  const sizes = isEmpty ? shape.filter((size) => size > 0) : shape;
  const count = sizes.reduce((product, size) => product * BigInt(size), 1n);
  const bytes = count * BigInt(elementSize[dtype]);
  if (bytes > BigInt(limits.tensorBytes))
    throw new ModelError(
      `${label}: ${describe(dtype, shape)} would take ${bytes} bytes${isEmpty ? " with 1 in place of 0" : ""}; at most ${limits.tensorBytes} are allowed`,
    );
  return isEmpty ? 0 : Number(count);
}

/** The typed field that holds the elements; undefined for raw, external and empty tensors. */
function findStorage(header: TensorHeader, dtype: DataType, label: string): Storage | undefined {
  if (header.segmented)
    throw new ModelError(`${label} is stored in segments; that is not supported`);
  const filled = storages.filter(({ field }) => (header.counts.get(field) ?? 0) > 0);
  const names = filled.map(({ name }) => name);
  if (header.raw !== undefined) names.push("raw_data");
  if (header.isExternal || header.externalData.length > 0) names.push("external_data");
  if (names.length > 1)
    throw new ModelError(
      `${label} has its values in ${names.join(" and in ")}; readers would disagree on which to take`,
    );
  if (!header.isExternal && header.externalData.length > 0)
    throw new ModelError(`${label} has external_data, but its data_location is not EXTERNAL`);
  const storage = filled[0];
  if (storage !== undefined && !storage.dtypes.includes(dtype))
    throw new ModelError(`${label} of type ${dtype} has its values in ${storage.name}`);
  return storage;
}

interface Destination {
  readonly dtype: DataType;
  readonly size: number;
  readonly label: string;
}

function copyElements(
  bytes: Uint8Array,
  storage: Storage,
  { dtype, size, label }: Destination,
): Uint8Array {
  const data = new Uint8Array(size);
  const put = storage.wireType === wire.varint ? varintWriter(data, dtype, label) : undefined;
  let filled = 0;
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field !== storage.field) continue;
    if (put === undefined) {
      data.set(reader.value, filled);
      filled += reader.stop - reader.start;
    } else if (reader.type === wire.varint) {
      put(reader.low, reader.high);
    } else {
      const packed = new WireReader(bytes, reader.start, reader.stop);
      while (packed.position < packed.end) {
        packed.varint();
        put(packed.low, packed.high);
      }
    }
  }
  return data;
}

/** A function that appends a varint's value to `data` as an element of type `dtype`. */
function varintWriter(
  data: Uint8Array,
  dtype: DataType,
  label: string,
): (low: number, high: number) => void {
  let index = 0;
  if (dtype === "int64" || dtype === "uint64") {
    const words = new Uint32Array(data.buffer);
    return (low, high) => {
      words[index++] = low;
      words[index++] = high;
    };
  }
  const elements = elementsOf(data, dtype);
  // int32_data holds float16 and bfloat16 by their bits.
  return (low, high) => {
    const value = dtype === "uint32" ? low : low | 0;
    elements[index] = value;
    const isCut = elements[index] !== value || (dtype === "uint32" && high !== 0);
    if (isCut || (dtype === "bool" && value > 1))
      throw new ModelError(`${label}: a stored value does not fit type ${dtype}`);
    index++;
  };
}

function elementsOf(data: Uint8Array, dtype: DataType) {
  switch (dtype) {
    case "int8":
      return new Int8Array(data.buffer);
    case "int16":
      return new Int16Array(data.buffer);
    case "int32":
      return new Int32Array(data.buffer);
    case "uint32":
      return new Uint32Array(data.buffer);
    case "uint16":
    case "float16":
    case "bfloat16":
      return new Uint16Array(data.buffer);
    default:
      return data;
  }
}

function aligned(data: Uint8Array, alignment: number): Uint8Array {
  return data.byteOffset % alignment === 0 ? data : data.slice();
}

function describe(dtype: DataType, shape: readonly number[]): string {
  return `${dtype} [${shape.join(", ")}]`;
}
