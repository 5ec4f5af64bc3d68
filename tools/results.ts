// Writes every table of README.md and docs/ from the records, and the picture from the models.
//
//     npm run results
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { documents } from "./documents/documents.ts";
import { drawOriginalAndChain } from "./drawing/picture.ts";
import { readRecords, root } from "./records/records.ts";

const files = documents(readRecords()).set(
  "docs/images/original-and-chain.svg",
  await drawOriginalAndChain(),
);
for (const [path, text] of files) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
