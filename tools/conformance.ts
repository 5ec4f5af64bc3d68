// Runs ONNX's backend test suite through the engine; ends with code 1 where a case fails.
//
//     npm run conformance [-- --only NAME] [--verbose]
import { parseArgs } from "node:util";
import { runSuite, suite } from "./conformance/suite.ts";

const { values: options } = parseArgs({
  options: { only: { type: "string" }, verbose: { type: "boolean" } },
});
if (!suite)
  throw new Error(
    "ONNX's backend suite is missing: install libonnx-testdata, or set DEEPOBF_ONNX_TESTDATA",
  );

let [passed, failed] = [0, 0];
const skipped = new Map<string, number>();
for (const result of runSuite(options.only)) {
  const { name, problem } = result;
  if (result.skipped) skipped.set(result.skipped, (skipped.get(result.skipped) ?? 0) + 1);
  else if (problem === undefined) passed++;
  else failed++;
  if (problem !== undefined || options.verbose)
    console.log(`${name}: ${problem ?? result.skipped ?? "passed"}`);
}
for (const [reason, count] of skipped) console.log(`skipped ${count}: ${reason}`);
const counts = [...skipped.values()].reduce((sum, count) => sum + count, 0);
console.log(`${passed} passed, ${failed} failed, ${counts} skipped`);
process.exitCode = failed === 0 ? 0 : 1;
