// Writes every table of README.md and docs/ from the records, and the pictures from the models.
//
//     npm run results
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { documents } from "./documents/documents.ts";
import { readRecords, root } from "./records/records.ts";

for (const [path, text] of documents(readRecords())) writeFileSync(join(root, path), text);
