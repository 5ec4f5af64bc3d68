// Writes every table of README.md and docs/ from the records, the picture from the models, and the schema of reports.
//
//     npm run results
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { reportSchemaText } from "../src/report/reportForm.ts";
import { documents } from "./documents/documents.ts";
import { drawOriginalAndChain } from "./documents/picture.ts";
import { readRecords, root } from "./records/records.ts";

const files = documents(readRecords())
  .set("docs/images/original-and-chain.svg", await drawOriginalAndChain())
  .set("docs/report.schema.json", reportSchemaText());
for (const [path, text] of files) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
