// The safetensors format (https://github.com/huggingface/safetensors): eight bytes of header length,
// a JSON header, then the elements. No code runs on reading.

import { elementCount, elementSize } from "../graph/graph.ts";
import { record } from "../record.ts";
import { type DType, fromBytes, type Tensor } from "../torch/index.ts";

const dtypeNames: Readonly<Partial<Record<DType, string>>> = {
  float32: "F32",
  float64: "F64",
  bfloat16: "BF16",
  float16: "F16",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};

const dtypes = Object.keys(dtypeNames) as DType[];

const mostDimensions = 8;

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** The file of these tensors, in their order. */
export function encodeTensors(tensors: ReadonlyMap<string, Tensor>): Uint8Array {
  const header = record<Entry>([]);
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const [name, tensor] of tensors) {
    const dtype = dtypeNames[tensor.dtype];
    if (dtype === undefined) throw new TypeError(`safetensors has no type ${tensor.dtype}`);
    const bytes = tensor.toBytes();
    header[name] = { dtype, shape: tensor.shape, data_offsets: [end, end + bytes.length] };
    parts.push(bytes);
    end += bytes.length;
  }
  const text = JSON.stringify(header);
  const json = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true);
  return Buffer.concat([length, json, ...parts]);
}

/**
 * The tensors of a file, on the CPU: together they take what its data takes, as each byte belongs to one. Throws
 * RangeError where the file contradicts itself.
 */
export function decodeTensors(bytes: Uint8Array): Map<string, Tensor> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = bytes.length < 8 ? Number.NaN : Number(view.getBigUint64(0, true));
  if (!(headerLength <= bytes.length - 8)) throw new RangeError("the header is cut short");
  const data = bytes.subarray(8 + headerLength);
  const text = new TextDecoder().decode(bytes.subarray(8, 8 + headerLength));
  const entries = Object.entries(parseHeader(text)).map(([name, value]) => readEntry(name, value));
  assertSeamless(entries, data.length);
  return new Map(
    entries.map(({ name, shape, dtype, start, end }) => [
      name,
      fromBytes(data.subarray(start, end), { shape, dtype }),
    ]),
  );
}

/** Throws RangeError unless the entries lie one behind the other from the begin of the data to their end. */
function assertSeamless(entries: readonly ReturnType<typeof readEntry>[], length: number): void {
  // Names that are numbers come first in an object, wherever their data lie.
  const inPlace = entries.toSorted((a, b) => a.start - b.start || a.end - b.end);
  let last = 0;
  for (const { name, start, end } of inPlace) {
    if (start !== last) throw new RangeError(`${name} begins at ${start}, not at ${last}`);
    last = end;
  }
  if (last !== length) throw new RangeError(`the tensors take ${last} of ${length} bytes`);
}

function parseHeader(text: string): object {
  try {
    const header: unknown = JSON.parse(text);
    if (typeof header === "object" && header !== null) return header;
  } catch (error) {
    throw new RangeError("the header is not JSON", { cause: error });
  }
  throw new RangeError("the header is not a JSON object");
}

function readEntry(name: string, value: unknown) {
  const { dtype: spelled, shape, data_offsets: range } = (value ?? {}) as Partial<Entry>;
  const dtype = dtypes.find((known) => dtypeNames[known] === spelled);
  if (dtype === undefined) throw new RangeError(`${name} has the unknown type ${spelled}`);
  if (!isSizes(shape) || !isSizes(range) || range.length !== 2) {
    throw new RangeError(`${name} has no shape or no place`);
  }
  // Sizes beside a zero are multiplied, too, by whoever asks for strides.
  const largest = elementCount(shape.map((size) => Math.max(1, size)));
  if (shape.length > mostDimensions || !Number.isSafeInteger(largest)) {
    throw new RangeError(`${name} has impossible sizes`);
  }
  const [start, end] = range;
  if (end - start !== elementCount(shape) * elementSize[dtype]) {
    throw new RangeError(`${name} [${shape.join(", ")}] does not fit ${end - start} bytes`);
  }
  return { name, dtype, shape, start, end };
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
