// What is found on a machine, and what is said to be missing.
import { expect, test, vi } from "vitest";
import { blasRemedy, nodeFits, onnxTestData } from "../../native/system.mjs";
import { diagnose } from "../../src/machine/diagnose.ts";
import { collectFacts, loadingFailure } from "../../src/machine/facts.ts";
import { workshop } from "../workshop.ts";
import { soundMachine as facts } from "./sound.ts";

const path = workshop();

test("a machine with everything has no findings", () => {
  expect(diagnose(facts)).toEqual([]);
});

test("missing parts are all named at once, each with its remedy", () => {
  const findings = diagnose({
    ...facts,
    node: { version: "18.1.0", path: "/usr/bin/node", fits: false },
    addon: {
      ...facts.addon,
      builtFor: undefined,
      loads: false,
      problem: "The addon is not built.",
    },
    packages: [
      { name: "onnxruntime-node", version: undefined, folder: undefined, failure: "not installed" },
    ],
    data: [{ ...facts.data[0]!, found: undefined }],
  });
  expect(findings.map(({ name, needed }) => [name, needed])).toEqual([
    ["Node", true],
    ["libtorch", true],
    ["addon", true],
    ["onnxruntime-node", true],
    ["Fashion-MNIST", false],
  ]);
  for (const { remedy } of findings) expect(remedy).not.toBe("");
  expect(findings[1]?.problem).toContain("no C++ headers beside it");
});

test("a missing native ONNX Runtime is no obstacle where WebAssembly's takes its place", () => {
  const packages = [
    { name: "onnxruntime-node", version: undefined, folder: undefined, failure: "not installed" },
    { name: "onnxruntime-web", version: "1.30.0", folder: "/web", failure: undefined },
  ];
  expect(diagnose({ ...facts, packages })).toMatchObject([
    {
      name: "onnxruntime-node",
      needed: false,
      problem: "not installed; onnxruntime-web takes its place, more slowly",
      remedy: expect.stringContaining("npm install --ignore-scripts onnxruntime-node@"),
    },
  ]);
});

test("a native ONNX Runtime that does not load is to be removed first: npm would keep it", () => {
  const found = { name: "onnxruntime-node", version: "1.30.0", folder: "/there/onnxruntime-node" };
  expect(diagnose({ ...facts, packages: [{ ...found, failure: "Error: no binding" }] })).toEqual([
    {
      name: "onnxruntime-node",
      needed: true,
      problem: "Error: no binding",
      remedy: expect.stringMatching(/^remove \/there\/onnxruntime-node, then npm install /),
    },
  ]);
});

test("why a package does not load is told in one line", async () => {
  const script = path("fails.cjs", "require('./binding.node')");
  expect(await loadingFailure(script)).toBe("Error: Cannot find module './binding.node'");
  const thrown = path("throws.cjs", "throw new TypeError('expected a binding\\nhow to get it')");
  expect(await loadingFailure(thrown)).toBe("TypeError: expected a binding");
  const crashing = path("crashes.cjs", "process.kill(process.pid, 'SIGSEGV')");
  expect(await loadingFailure(crashing)).toBe("loading it was ended by SIGSEGV");
  expect(await loadingFailure(path("fine.cjs", ""))).toBeUndefined();
});

test("a slow BLAS and a stale addon are advice, not obstacles", () => {
  const findings = diagnose({
    ...facts,
    blas: { name: "/usr/lib/blas/libblas.so.3", fast: false, kernels: "" },
    addon: { ...facts.addon, problem: "The C++ sources changed." },
  });
  expect(findings.map(({ name, needed }) => [name, needed])).toEqual([
    ["addon", false],
    ["BLAS", false],
  ]);
  expect(findings[1]?.remedy).toMatch(/update-alternatives|openblas/i);
});

test("root is told no sudo, which a bare system lacks", () => {
  vi.spyOn(process, "getuid").mockReturnValue(0);
  expect(blasRemedy()).not.toContain("sudo");
  vi.restoreAllMocks();
});

test("an OpenBLAS that does not know the processor is told, with what to do", () => {
  const blas = { ...facts.blas!, kernels: "Prescott" };
  const [finding, ...others] = diagnose({ ...facts, blas });
  expect(others).toEqual([]);
  expect(finding).toMatchObject({ name: "BLAS", needed: false });
  expect(finding?.remedy).toContain("OPENBLAS_CORETYPE=Haswell");
  expect(diagnose({ ...facts, blas, cpu: { ...facts.cpu, instructions: [] } })).toEqual([]);
});

test("Node 20.19 is the oldest that fits, and 21 never had what 20.13 and 22 have", () => {
  const versions = ["18.20.0", "20.18.3", "20.19.0", "21.7.3", "22.0.0"];
  expect(versions.filter(nodeFits)).toEqual(["20.19.0", "22.0.0"]);
});

test("ONNX's test data are found where their variable says", () => {
  vi.stubEnv("DEEPOBF_ONNX_TESTDATA", import.meta.dirname);
  expect(onnxTestData().found).toBe(import.meta.dirname);
  vi.unstubAllEnvs();
});

test("this machine's facts: the addon, the packages and a processor are found", async () => {
  const found = await collectFacts();
  expect(found.addon).toMatchObject({ loads: true });
  expect(found.addon.libtorch).toMatch(/^\d+\.\d+\.\d+$/);
  expect(found.packages.map(({ name, failure }) => [name, failure])).toEqual([
    ["onnxruntime-node", undefined],
    ["onnxruntime-web", undefined],
    ["sharp", undefined],
  ]);
  expect(found.cpu.processors).toBeGreaterThan(0);
  expect(found.devices).toContain("cpu");
  expect(found.blas).toBeDefined();
  expect(diagnose(found).map(({ name }) => name)).not.toContain("BLAS");
});
