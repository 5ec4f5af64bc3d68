// What a model file says about itself beside its graph: where it comes from, and remarks.
import { decodeModel } from "./decode.ts";
import { readModelFile } from "./files.ts";
import { WireReader } from "./wire.ts";

/** Fields of a ModelProto that are texts: producer, its version, domain, documentation. */
const modelTexts = [2, 3, 4, 6];
/** Those of a GraphProto: name and documentation. */
const graphTexts = [2, 10];
const [graphField, modelProperties, graphProperties] = [7, 14, 16];

/**
 * The texts of a file and of its graph, each once, properties as "key=value"; empty ones are left out. Throws ModelError
 * where the file is no model.
 */
export async function readMetadata(path: string): Promise<string[]> {
  const bytes = await readModelFile(path);
  decodeModel(bytes);
  const texts: string[] = [];
  collect(new WireReader(bytes), { texts: modelTexts, properties: modelProperties, into: texts });
  return [...new Set(texts.filter((text) => text !== ""))];
}

function collect(
  reader: WireReader,
  options: { texts: readonly number[]; properties: number; into: string[] },
): void {
  const { texts, properties, into } = options;
  while (reader.next()) {
    if (texts.includes(reader.field)) into.push(Buffer.from(reader.value).toString());
    else if (reader.field === properties) into.push(propertyOf(reader.value));
    else if (reader.field === graphField && properties === modelProperties) {
      const graph = new WireReader(reader.bytes, reader.start, reader.stop);
      collect(graph, { texts: graphTexts, properties: graphProperties, into });
    }
  }
}

/** A StringStringEntryProto: key and value. */
function propertyOf(bytes: Uint8Array): string {
  const reader = new WireReader(bytes);
  const parts: string[] = [];
  while (reader.next()) parts.push(Buffer.from(reader.value).toString());
  return parts.join("=");
}
