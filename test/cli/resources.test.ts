// Disk, memory, device and libraries that are missing or used up: exit code 5.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { mountDisk, workshop } from "../workshop.ts";
import { deepobf, root } from "./deepobf.ts";
import { idxFiles, residualModel } from "./fixtures.ts";
import { expectRefusal, refusals } from "./refusal.ts";

const file = workshop();
const model = file("model.onnx", residualModel());
for (const [name, content] of Object.entries(idxFiles())) file(`idx/${name}`, content);
const data = `idx:${file("idx")}`;

function job(out: string): string[] {
  return [
    "obfuscate",
    model,
    "--data",
    data,
    "--depth",
    "3",
    "--epochs",
    "1",
    "--out",
    out,
    "--accept-original",
  ];
}

/** A copy of the built package without what was built for libtorch; npm packages as links. */
function copyOfPackage(name: string, ...without: readonly string[]): string {
  const home = file(name);
  for (const part of ["bin", "dist", "native", "scripts", "package.json"]) {
    cpSync(join(root, part), join(home, part), { recursive: true });
  }
  mkdirSync(join(home, "node_modules"));
  const packages = readdirSync(join(root, "node_modules"));
  for (const each of packages.filter((found) => !without.includes(found))) {
    symlinkSync(join(root, "node_modules", each), join(home, "node_modules", each));
  }
  return home;
}

const bare = copyOfPackage("bare");
const unlinked = copyOfPackage("unlinked", "onnxruntime-node", "onnxruntime-web");
const everywhere = copyOfPackage(
  "lib/node_modules/deepobf",
  ...["onnxruntime-node", "onnxruntime-web", "sharp"],
);
const webOnly = copyOfPackage("web-only", "onnxruntime-node");
symlinkSync(join(root, "build"), join(webOnly, "build"));
const unbuilt = copyOfPackage("unbuilt");
spawnSync("rm", ["-r", join(unbuilt, "dist")]);
mkdirSync(join(unbuilt, "src"));

const pictureless = copyOfPackage("pictureless", "sharp");
symlinkSync(join(root, "build"), join(pictureless, "build"));

// A native ONNX Runtime without its binding, as of a download that broke off.
const bindingless = copyOfPackage("bindingless", "onnxruntime-node");
symlinkSync(join(root, "build"), join(bindingless, "build"));
const emptied = join(bindingless, "node_modules", "onnxruntime-node");
cpSync(join(root, "node_modules", "onnxruntime-node"), emptied, {
  recursive: true,
  filter: (source) => basename(source) !== "bin",
});

// A build for a libtorch that is not there any more.
const moved = copyOfPackage("moved");
const gone = "/opt/gone/lib/libtorch_cpu.so";
mkdirSync(join(moved, "build", "native"), { recursive: true });
writeFileSync(join(moved, "build", "native", "deepobf.node"), "");
writeFileSync(
  join(moved, "build", "native", "stamp.json"),
  JSON.stringify({ libtorch: {}, library: { path: gone, size: 1, modified: 1 }, sources: "" }),
);

// A build that the loader cannot take.
const broken = copyOfPackage("broken");
cpSync(join(root, "build", "native", "stamp.json"), join(broken, "build", "native", "stamp.json"));
writeFileSync(join(broken, "build", "native", "deepobf.node"), "not a library");

const solutions = ["could not be loaded", "npx deepobf setup", "npx deepobf doctor"];

refusals({
  "no CUDA device": () => ({
    args: [...job(file("run-cuda")), "--device", "cuda:63"],
    code: 5,
    says: ["--device cuda:63", "Use --device cpu"],
  }),
  "no CUDA device, checked": () => ({
    args: ["check", model, "--device", "cuda:63"],
    code: 5,
    says: ["--device cuda:63"],
  }),
  "no CUDA device, evaluated": () => ({
    args: ["evaluate", model, "--data", data, "--runtime", "torch", "--device", "cuda:63"],
    code: 5,
    says: ["--device cuda:63"],
  }),
  "no libtorch, obfuscate": () => ({
    args: job(file("run-bare")),
    code: 5,
    says: ["The addon is not built", ...solutions],
    options: { home: bare },
  }),
  "no libtorch, check": () => ({
    args: ["check", model],
    code: 5,
    says: ["The addon is not built", ...solutions],
    options: { home: bare },
  }),
  "a libtorch that is gone": () => ({
    args: ["evaluate", model, "--data", data, "--runtime", "torch"],
    code: 5,
    says: [`built for ${gone}, which is gone`, ...solutions],
    options: { home: moved },
  }),
  "an addon that cannot be loaded": () => ({
    args: ["evaluate", model, "--data", data, "--runtime", "torch"],
    code: 5,
    says: ["deepobf.node", ...solutions],
    options: { home: broken },
  }),
  "no ONNX Runtime": () => ({
    args: ["evaluate", model, "--data", data],
    code: 5,
    says: ["ONNX Runtime cannot be loaded", "npm install --ignore-scripts onnxruntime-node@"],
    options: { home: unlinked },
  }),
  "no ONNX Runtime beside a global install": () => ({
    args: ["evaluate", model, "--data", data],
    code: 5,
    says: ["npm install --global --ignore-scripts onnxruntime-node@"],
    options: { home: everywhere },
  }),
  "no sharp, before a run that writes pictures": () => ({
    args: job(file("run-pictureless")),
    code: 5,
    says: [
      "need the npm package sharp, which cannot be loaded",
      "npm install --ignore-scripts sharp@",
    ],
    options: { home: pictureless },
  }),
  "no build of DeepObf": () => ({
    args: ["inspect", model],
    code: 5,
    says: [`DeepObf is not built. To build it: npm --prefix ${unbuilt} run setup`],
    options: { home: unbuilt },
  }),
  "an output folder below a file": () => ({
    args: job(join(model, "run")),
    code: 5,
    says: [`cannot write ${model}: a file is in the way`],
  }),
});

describe.each([
  ["is missing", webOnly],
  ["does not load", bindingless],
])("ONNX Runtime for WebAssembly takes the place of a native one that %s", (_, home) => {
  const said = expect.stringContaining("latencies are those of ONNX Runtime for WebAssembly");

  test("evaluate finds the same accuracy, and says whose its latencies are", async () => {
    const args = ["evaluate", model, "--data", data, "--json"];
    const ended = await Promise.all([home, root].map((each) => deepobf(args, { home: each })));
    for (const { code, stderr } of ended) expect(code, stderr).toBe(0);
    const [web, native] = ended.map(({ stdout }) => JSON.parse(stdout));
    expect(web.accuracy).toBe(native.accuracy);
    expect(web.warnings).toContainEqual(said);
    expect(native.warnings).not.toContainEqual(said);
  });

  test("obfuscate says whose its latencies are", async () => {
    const args = [...job(file(`run-${basename(home)}`)), "--json"];
    const { code, stdout, stderr } = await deepobf(args, { home });
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout).warnings).toContainEqual(said);
  });
});

test("inspect and evaluate on ONNX Runtime need no libtorch", async () => {
  const inspected = await deepobf(["inspect", model], { home: bare });
  expect(inspected, inspected.stderr).toMatchObject({ code: 0, stderr: "" });
  const evaluated = await deepobf(["evaluate", model, "--data", data], { home: bare });
  expect(evaluated, evaluated.stderr).toMatchObject({ code: 0, stderr: "" });
});

test("doctor names what is missing and how to get it", async () => {
  const { code, stdout } = await deepobf(["doctor"], { home: bare });
  expect(code).toBe(5);
  expect(stdout).toContain("npx deepobf setup");
  const found = await deepobf(["doctor"], { home: everywhere });
  expect(found.code).toBe(5);
  expect(found.stdout).toContain("npm install --global --ignore-scripts sharp@");
});

describe.skipIf(!mountDisk(file("disk"), 256))("a full disk", () => {
  const disk = file("disk");

  test("leaves nothing behind that looks like a run", async ({ expect }) => {
    writeFileSync(join(disk, "filler"), new Uint8Array(256 * 1024));
    const out = join(disk, "run");
    await expectRefusal({ args: job(out), code: 5, says: ["the disk is full", disk] }, expect);
    expect(readdirSync(disk)).toEqual(["filler"]);
  });
});

describe.skipIf(!mountDisk(file("small"), 32))("a disk that fills up during a run", () => {
  const disk = file("small");

  test("ends with the reason; no file is half written", async ({ expect }) => {
    const out = join(disk, "run");
    const ended = await deepobf(job(out));
    expect(ended).toMatchObject({ code: 5, stdout: "" });
    expect(ended.stderr).toMatch(/^error: cannot write .*small\/run.*: the disk is full/m);
    const left = existsSync(out) ? readdirSync(out) : [];
    expect(left.filter((name) => /\.tmp$|^model\.onnx$|^summary\.json$/.test(name))).toEqual([]);
  });
});
