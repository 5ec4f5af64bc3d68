// Facts about this machine and what DeepObf found on it. Nothing here throws for a missing part: `deepobf doctor` has to
// say all of them at once.
import { type ExecFileException, execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, availableParallelism, cpus, release, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { type Libtorch, locateLibtorch, type Skipped } from "../../native/locate.mjs";
import { checkAddon, type Stamp } from "../../native/stamp.mjs";
import { fashionMnist, nodeFits, onnxTestData, type Requirement } from "../../native/system.mjs";
import { cpuHasBfloat16 } from "../torch/processor.ts";
import { ownVersion } from "../version.ts";

/** An npm package with native code: installed, and does it load? */
export interface PackageFacts {
  readonly name: string;
  readonly version: string | undefined;
  /** Undefined where it is not installed. */
  readonly folder: string | undefined;
  /** Why it cannot be loaded; undefined where it can. */
  readonly failure: string | undefined;
}

/** What was found out about this machine. */
export interface MachineFacts {
  readonly deepobf: string;
  readonly node: { readonly version: string; readonly path: string; readonly fits: boolean };
  readonly system: {
    readonly name: string;
    readonly kernel: string;
    readonly architecture: string;
  };
  readonly cpu: {
    readonly model: string;
    /** Processors that this process may use. */
    readonly processors: number;
    /** Those of the instruction sets that matter here which the CPU reports. */
    readonly instructions: readonly string[];
    readonly bf16: boolean;
  };
  /** Bytes. */
  readonly memory: number;
  readonly addon: {
    readonly path: string;
    readonly builtFor: Stamp["libtorch"] | undefined;
    readonly loads: boolean;
    /** Version that the loaded libtorch reports. */
    readonly libtorch: string | undefined;
    readonly problem: string | undefined;
  };
  /** What a build of the addon would take now, and what it would pass over. */
  readonly libtorch: Libtorch | undefined;
  readonly skipped: readonly Skipped[];
  /** What computes libtorch's matrix products; undefined where the addon does not load. */
  readonly blas:
    | {
        readonly name: string;
        readonly fast: boolean;
        /** Whose processor's kernels OpenBLAS takes; empty for others. */
        readonly kernels: string;
      }
    | undefined;
  readonly devices: readonly string[];
  readonly packages: readonly PackageFacts[];
  readonly data: readonly Requirement[];
}

const instructionSets = ["avx2", "avx512f", "avx512_bf16", "amx_bf16"];

/** Collects the facts; takes about half a second. */
export async function collectFacts(): Promise<MachineFacts> {
  const { libtorch, skipped } = locateLibtorch();
  const [addon, ...packages] = await Promise.all([
    addonFacts(),
    packageFacts("onnxruntime-node"),
    packageFacts("onnxruntime-web"),
    packageFacts("sharp"),
  ]);
  const { devices, kernels, ...addonProper } = addon;
  const flags = readOptional("/proc/cpuinfo");
  const instructions = instructionSets.filter((name) => new RegExp(`\\b${name}\\b`).test(flags));
  return {
    deepobf: ownVersion(),
    node: {
      version: process.versions.node,
      path: process.execPath,
      fits: nodeFits(process.versions.node),
    },
    system: {
      name:
        /^PRETTY_NAME="?([^"\n]*)/m.exec(readOptional("/etc/os-release"))?.[1] ?? process.platform,
      kernel: release(),
      architecture: arch(),
    },
    cpu: {
      model: cpus()[0]?.model.trim() ?? "unknown",
      processors: availableParallelism(),
      instructions,
      bf16: cpuHasBfloat16(),
    },
    memory: totalmem(),
    addon: addonProper,
    libtorch,
    skipped,
    blas: addon.loads ? { ...loadedBlas(), kernels } : undefined,
    devices: ["cpu", ...devices],
    packages,
    data: [fashionMnist(), onnxTestData()],
  };
}

/** What the addon says of itself, and of what libtorch brought along. */
interface AddonFacts extends Readonly<MachineFacts["addon"]> {
  readonly devices: readonly string[];
  readonly kernels: string;
}

async function addonFacts(): Promise<AddonFacts> {
  const { addon: path, stamp, problem } = checkAddon();
  const common = { path, builtFor: stamp?.libtorch };
  const unloaded = { loads: false, libtorch: undefined, devices: [], kernels: "" };
  if (problem?.fatal) return { ...common, ...unloaded, problem: problem.message };
  try {
    const torch = await import("../torch/index.ts");
    const devices = Array.from({ length: torch.cudaDevices() }, (_, index) => `cuda:${index}`);
    return {
      ...common,
      loads: true,
      libtorch: torch.libtorchVersion(),
      problem: problem?.message,
      devices,
      kernels: torch.blasKernels(),
    };
  } catch (error) {
    return { ...common, ...unloaded, problem: messageOf(error) };
  }
}

/** Finds a package, and loads it. */
async function packageFacts(name: string): Promise<PackageFacts> {
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    return { name, ...packageAbove(dirname(entry), name), failure: await loadingFailure(entry) };
  } catch {
    return { name, version: undefined, folder: undefined, failure: "not installed" };
  }
}

/** A package around a folder of it: its own folder and version. "exports" may hide its package.json from `require`. */
function packageAbove(folder: string, name: string): Pick<PackageFacts, "folder" | "version"> {
  const manifest = JSON.parse(readOptional(join(folder, "package.json")) || "{}");
  if (manifest.name === name) return { folder, version: manifest.version };
  const above = dirname(folder);
  return above === folder ? { folder: undefined, version: undefined } : packageAbove(above, name);
}

/**
 * Why a script of CommonJS cannot be loaded, in one line; undefined where it can. It is loaded in a process of its own:
 * one that crashes must not take the report along.
 */
export async function loadingFailure(script: string): Promise<string | undefined> {
  const command = ["-e", "require(process.argv[1])", script];
  try {
    await promisify(execFile)(process.execPath, command);
    return undefined;
  } catch (error) {
    const { stderr, signal } = error as ExecFileException;
    const thrown = /^\w*Error\b.*/m.exec(stderr ?? "")?.[0];
    const ended = signal ? `loading it was ended by ${signal}` : messageOf(error).split("\n")[0];
    return thrown ?? ended;
  }
}

/** The BLAS that the loaded libtorch brought into this process; Python packages hold theirs inside. */
function loadedBlas(): Omit<NonNullable<MachineFacts["blas"]>, "kernels"> {
  const libraries = readOptional("/proc/self/maps").matchAll(
    /\/\S*\/lib(?:open|c)?blas\S*|\/\S*\/lib(?:mkl|blis)\S*/g,
  );
  const paths = [...new Set(Array.from(libraries, ([path]) => path))];
  if (paths.length === 0) return { name: "inside libtorch", fast: true };
  const fast = paths.find((path) => /openblas|mkl|blis|atlas/.test(path));
  return { name: fast ?? paths[0] ?? "", fast: fast !== undefined };
}

function readOptional(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // not on this system
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
