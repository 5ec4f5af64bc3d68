// Reports of runs as pages, and the same facts as JSON.
export { writeComparison } from "./compare.ts";
export { writeReport } from "./writeReport.ts";
