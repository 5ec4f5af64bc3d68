// What `deepobf doctor` prints for people.
import { expect, test } from "vitest";
import { renderReport } from "../../src/cli/commands/doctor.ts";
import { soundMachine } from "../machine/sound.ts";

test("a machine with everything is told by what was found on it", () => {
  const report = renderReport(soundMachine, []);
  expect(report).toMatch(/libtorch +1\.13\.0 from system \(\/usr\)/);
  expect(report).toMatch(/skipped +python3 \(\/torch\): no C\+\+ headers/);
  expect(report).toMatch(/precision +f32 by default/);
  expect(report).toContain("libopenblas.so.0, kernels for Haswell");
  expect(report).toMatch(/Everything needed is there\.$/);
});

test("what is missing is told with its remedy, and that nothing works without what is needed", () => {
  const remedy = "npx deepobf setup";
  const finding = { name: "addon", needed: true, problem: "The addon is not built.", remedy };
  expect(renderReport(soundMachine, [finding])).toMatch(
    /missing: addon: The addon is not built\.\n {2}npx deepobf setup\nDeepObf cannot work here yet\.$/,
  );
});

test("a package that is there but does not load is not told as missing", () => {
  const packages = [
    { name: "onnxruntime-node", version: "1.30.0", folder: "/there", failure: "Error: no binding" },
    { name: "sharp", version: undefined, folder: undefined, failure: "not installed" },
  ];
  const report = renderReport({ ...soundMachine, packages }, []);
  expect(report).toMatch(/onnxruntime-node +1\.30\.0, does not load/);
  expect(report).toMatch(/sharp +missing/);
});
