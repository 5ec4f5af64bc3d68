// Model files with metadata.

/** The bytes of a model file with another entry in its metadata. */
export function withProperty(model: Uint8Array, key: string, value: string): Uint8Array {
  const entry = Buffer.concat([field(1, Buffer.from(key)), field(2, Buffer.from(value))]);
  return Buffer.concat([model, field(14, entry)]);
}

/** A field of protobuf that holds bytes. */
function field(number: number, bytes: Uint8Array): Uint8Array {
  const length: number[] = [];
  for (let rest = bytes.length; ; rest >>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Uint8Array.of((number << 3) | 2, ...length), bytes]);
}
