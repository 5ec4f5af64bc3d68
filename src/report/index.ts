// Reports of runs as pages, and the same facts as JSON.
export { writeComparison } from "./compare.ts";
export { type ReportFiles, writeReport } from "./writeReport.ts";
