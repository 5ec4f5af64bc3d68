// When libtorch's CUDA part is loaded, with a stand-in for the addon that looks for it once, as libtorch does: at the
// first seed.
import { createRequire } from "node:module";
import { beforeEach, expect, test, vi } from "vitest";
import { workshop } from "../workshop.ts";

const path = workshop();
const drivers = vi.hoisted(() => new Set<string>());

vi.mock("node:fs", async (importOriginal) => {
  const original = await importOriginal<typeof import("node:fs")>();
  const isDevice = (name: unknown) => typeof name === "string" && name.startsWith("/dev/");
  return {
    ...original,
    existsSync: (name: string) => (isDevice(name) ? drivers.has(name) : original.existsSync(name)),
  };
});

const addon = path(
  "addon.cjs",
  `let isLoaded = false, isThere;
  const look = () => (isThere ??= isLoaded);
  module.exports = {
    claimAddon: () => true,
    threads: () => 2,
    keepMemory() {},
    version: () => "2.15.0",
    manualSeed: look,
    loadCuda: (path) => {
      isLoaded = path === "/libs/libtorch_cuda.so";
      return isLoaded ? "" : path + " is not there";
    },
    cudaDevices: () => (look() ? 2 : 0),
    isCudaLoaded: () => isLoaded,
  };`,
);
const stamp = { cuda: true, libraryDirectories: ["/libs"] };

vi.mock("../../native/stamp.mjs", () => ({
  checkAddon: () => ({ addon, stamp, problem: undefined }),
  readStamp: () => stamp,
}));

const require = createRequire(import.meta.url);

beforeEach(() => {
  drivers.clear();
  vi.resetModules();
  delete require.cache[addon];
});

/** src/torch/environment.ts as a new process loads it. */
const load = () => import("../../src/torch/environment.ts");
const isCudaLoaded = () => require(addon).isCudaLoaded();

test.each(["/dev/nvidiactl", "/dev/dxg"])(
  "a job on the CPU leaves CUDA to later ones: %s",
  async (driver) => {
    drivers.add(driver);
    const { manualSeed, parseDevice } = await load();
    expect(parseDevice("cpu")).toBe("cpu");
    manualSeed(1);
    expect(parseDevice("cuda:1")).toBe("cuda:1");
    expect(() => parseDevice("cuda:2")).toThrow(
      "--device cuda:2: libtorch 2.15.0 sees 2 CUDA devices. Use --device cpu, or look at nvidia-smi",
    );
  },
);

test("where no driver is seen, CUDA is loaded for those that ask for it alone", async () => {
  const { parseDevice } = await load();
  parseDevice("cpu");
  expect(isCudaLoaded()).toBe(false);
  expect(parseDevice("cuda")).toBe("cuda:0");
  expect(isCudaLoaded()).toBe(true);
});
