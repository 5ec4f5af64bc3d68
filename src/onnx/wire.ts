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

/** A message inside the file: its type, where it lies, and how deep it and the graphs around it are nested. */
interface Part {
  readonly message: DescMessage;
  readonly start: number;
  readonly end: number;
  readonly depth: number;
  readonly graphs: number;
}

/**
 * Checks a serialized message against its type: every length within its parent, every field of the wire type that
 * its type has, no message given twice where one is expected, and all counts within `limits`.
 * @throws ModelError where it is not so, with the position in the file
 */
export function checkWire(schema: DescMessage, bytes: Uint8Array): void {
  const counts: Counts = { messages: 0, values: 0, text: 0 };

  function walk({ message, start, end, depth, graphs }: Part): void {
    const graphDepth = message.name === "GraphProto" ? graphs + 1 : graphs;
    if (graphDepth > limits.graphDepth)
      throw new ModelError(`graphs are nested more than ${limits.graphDepth} deep`);
    if (depth > limits.messageDepth)
      throw new ModelError(`messages are nested more than ${limits.messageDepth} deep`);
    const plan = planFor(message);
    const reader = new WireReader(bytes, start, end);
    let seen: Set<FieldPlan> | undefined;
    while (reader.next()) {
      const field = plan.get(reader.field);
      if (field === undefined) continue;
      assertForm(reader, field, message);
      count(reader, field, counts);
      if (field.message === undefined) continue;
      if (!field.repeated) {
        seen ??= new Set();
        if (seen.has(field))
          throw new ModelError(
            `${message.name}.${field.name} is there twice (byte ${reader.start})`,
          );
        seen.add(field);
      }
      const { start, stop: end } = reader;
      walk({ message: field.message, start, end, depth: depth + 1, graphs: graphDepth });
    }
  }

  walk({ message: schema, start: 0, end: bytes.length, depth: 1, graphs: 0 });
}

/** What a file makes the decoder build, so far; `text` in bytes. */
interface Counts {
  messages: number;
  values: number;
  text: number;
}

/** Throws ModelError for a field of another wire type than its own, and for a name that is too long. */
function assertForm(reader: WireReader, field: FieldPlan, { name }: DescMessage): void {
  if (reader.type !== field.wireType && !isPacked(reader, field))
    throw new ModelError(
      `the file is damaged: ${name}.${field.name} has wire type ${reader.type} instead of ${field.wireType} (byte ${reader.start})`,
    );
  const length = reader.stop - reader.start;
  if (field.isName && length > limits.nameBytes)
    throw new ModelError(
      `${name}.${field.name} has ${length} bytes; at most ${limits.nameBytes} are allowed`,
    );
}

/** Adds a field to the counts. Throws ModelError where that is more than the limits allow. */
function count(reader: WireReader, field: FieldPlan, counts: Counts): void {
  const length = reader.stop - reader.start;
  if (isPacked(reader, field)) {
    counts.values +=
      length > 10 * limits.values
        ? Number.POSITIVE_INFINITY
        : countPacked(reader.bytes, reader.start, reader.stop, field.wireType);
  } else if (field.isName) {
    counts.values++;
    counts.text += length;
  } else if (field.wireType === wire.bytes) counts.messages++;
  else if (field.repeated) counts.values++;
  if (counts.text > limits.textBytes)
    throw new ModelError(`the names in the model have more than ${limits.textBytes} bytes`);
  if (counts.messages > limits.messages || counts.values > limits.values)
    throw new ModelError(
      `the model has more than ${limits.messages} parts or ${limits.values} values in lists`,
    );
}

/** Whether the field is a list of numbers in one piece. */
function isPacked({ type }: WireReader, { repeated, wireType }: FieldPlan): boolean {
  return repeated && type === wire.bytes && wireType !== wire.bytes;
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
