// Protobuf's wire format (https://protobuf.dev/programming-guides/encoding), as far as it takes to check a file
// before it is decoded: the decoder builds objects as long as the file asks for them, so sizes, types, nesting and
// counts are checked first, without building anything.
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { ModelError } from "../errors.ts";
import { limits } from "./limits.ts";

/** Wire types: how a field's value is laid out. */
export const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Walks the fields of one message between two positions of a file. */
export class WireReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  position: number;
  /** Low and high 32 bits of the varint that was read last. */
  low = 0;
  high = 0;
  /** Number and wire type of the field that was read last, and where its value lies. */
  field = 0;
  type = 0;
  start = 0;
  stop = 0;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  /** Goes to the next field; false at the end. The value of a varint is in `low` and `high`. */
  next(): boolean {
    if (this.position >= this.end) return false;
    const tagPosition = this.position;
    this.varint();
    this.field = this.low >>> 3;
    this.type = this.low & 7;
    if (this.field === 0 || this.high !== 0) this.#fail("a field without a number", tagPosition);
    this.start = this.position;
    if (this.type === wire.varint) {
      this.varint();
    } else if (this.type === wire.bytes) {
      this.varint();
      this.start = this.position;
      if (this.high !== 0 || this.low > this.end - this.position)
        this.#fail("a field longer than what is left; it may be cut short", tagPosition);
      this.position += this.low;
    } else if (this.type === wire.fixed64 || this.type === wire.fixed32) {
      this.position += this.type === wire.fixed64 ? 8 : 4;
      if (this.position > this.end)
        this.#fail("the end inside a number; it may be cut short", tagPosition);
    } else {
      this.#fail(`wire type ${this.type}, which ONNX does not use`, tagPosition);
    }
    this.stop = this.position;
    return true;
  }

  /** Reads a varint into `low` and `high`. */
  varint(): void {
    let low = 0;
    let high = 0;
    for (let index = 0; index < 10; index++) {
      if (this.position >= this.end)
        this.#fail("the end inside a number; it may be cut short", this.position);
      const byte = this.bytes[this.position++]!;
      const bits = byte & 0x7f;
      if (index < 4) low |= bits << (7 * index);
      else if (index === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (7 * index - 32);
      if (byte < 0x80) {
        this.low = low >>> 0;
        this.high = high >>> 0;
        return;
      }
    }
    this.#fail("a number of more than 10 bytes", this.position - 10);
  }

  /** The varint that was read last as a signed 64-bit integer. */
  get int64(): bigint {
    return (BigInt(this.high | 0) << 32n) | BigInt(this.low);
  }

  /** The bytes of the field's value, not copied. */
  get value(): Uint8Array {
    return this.bytes.subarray(this.start, this.stop);
  }

  #fail(what: string, position: number): never {
    throw new ModelError(`the file is damaged or not ONNX: it has ${what} (byte ${position})`);
  }
}

interface FieldPlan {
  readonly name: string;
  readonly wireType: number;
  readonly repeated: boolean;
  readonly isName: boolean;
  readonly message: DescMessage | undefined;
}

const plans = new Map<DescMessage, ReadonlyMap<number, FieldPlan>>();

/**
 * Checks a serialized message against its type: every length within its parent, every field of the wire type that
 * its type has, no message given twice where one is expected, and all counts within `limits`.
 * @throws ModelError where it is not so, with the position in the file
 */
export function checkWire(schema: DescMessage, bytes: Uint8Array): void {
  const counts = { messages: 0, values: 0, text: 0 };

  function walk(message: DescMessage, start: number, end: number, depth: number, graphs: number) {
    const graphDepth = message.name === "GraphProto" ? graphs + 1 : graphs;
    if (graphDepth > limits.graphDepth)
      throw new ModelError(`graphs are nested more than ${limits.graphDepth} deep`);
    if (depth > limits.messageDepth)
      throw new ModelError(`messages are nested more than ${limits.messageDepth} deep`);
    const plan = planFor(message);
    const reader = new WireReader(bytes, start, end);
    let seen: Set<number> | undefined;
    while (reader.next()) {
      const field = plan.get(reader.field);
      if (field === undefined) continue;
      const packed = field.repeated && reader.type === wire.bytes && field.wireType !== wire.bytes;
      if (reader.type !== field.wireType && !packed)
        throw new ModelError(
          `the file is damaged: ${message.name}.${field.name} has wire type ${reader.type} instead of ${field.wireType} (byte ${reader.start})`,
        );
      if (field.isName && reader.stop - reader.start > limits.nameBytes)
        throw new ModelError(
          `${message.name}.${field.name} has ${reader.stop - reader.start} bytes; at most ${limits.nameBytes} are allowed`,
        );
      if (packed)
        counts.values +=
          reader.stop - reader.start > 10 * limits.values
            ? Number.POSITIVE_INFINITY
            : countPacked(bytes, reader.start, reader.stop, field.wireType);
      else if (field.message !== undefined || field.wireType === wire.bytes) counts.messages++;
      else if (field.repeated) counts.values++;
      if (field.isName) {
        counts.messages--;
        counts.values++;
        counts.text += reader.stop - reader.start;
        if (counts.text > limits.textBytes)
          throw new ModelError(`the names in the model have more than ${limits.textBytes} bytes`);
      }
      if (counts.messages > limits.messages || counts.values > limits.values)
        throw new ModelError(
          `the model has more than ${limits.messages} parts or ${limits.values} values in lists`,
        );
      if (field.message === undefined) continue;
      if (!field.repeated) {
        seen ??= new Set();
        if (seen.has(reader.field))
          throw new ModelError(
            `${message.name}.${field.name} is there twice (byte ${reader.start})`,
          );
        seen.add(reader.field);
      }
      walk(field.message, reader.start, reader.stop, depth + 1, graphDepth);
    }
  }

  walk(schema, 0, bytes.length, 1, 0);
}

/** Number of elements in a packed list. */
export function countPacked(bytes: Uint8Array, start: number, stop: number, type: number): number {
  if (type !== wire.varint) {
    const size = type === wire.fixed64 ? 8 : 4;
    if ((stop - start) % size !== 0)
      throw new ModelError(`the file is damaged: a list ends inside a number (byte ${stop})`);
    return (stop - start) / size;
  }
  let count = 0;
  for (let position = start; position < stop; position++) if (bytes[position]! < 0x80) count++;
  if (stop > start && bytes[stop - 1]! >= 0x80)
    throw new ModelError(`the file is damaged: a list ends inside a number (byte ${stop})`);
  return count;
}

function planFor(message: DescMessage): ReadonlyMap<number, FieldPlan> {
  let plan = plans.get(message);
  if (plan === undefined) {
    plan = new Map(message.fields.map((field) => [field.number, planField(field)]));
    plans.set(message, plan);
  }
  return plan;
}

function planField(field: DescField): FieldPlan {
  return {
    name: field.name,
    wireType: wireTypeOf(field.scalar),
    repeated: field.fieldKind === "list",
    isName: field.scalar === ScalarType.STRING,
    message: field.message,
  };
}

function wireTypeOf(scalar: ScalarType | undefined): number {
  switch (scalar) {
    case undefined:
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return wire.bytes;
    case ScalarType.FLOAT:
      return wire.fixed32;
    case ScalarType.DOUBLE:
      return wire.fixed64;
    default:
      return wire.varint;
  }
}
