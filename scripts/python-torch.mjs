// Where the system has no libtorch: Python's torch package in a private environment in the cache folder. Only
// its headers and libraries are used; Python never runs after this.
import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { explainMissing } from "../native/locate.mjs";
import { setupCommand } from "../native/remedies.mjs";
import { hasCudaDriver, installCommand, which } from "../native/system.mjs";
import { attempt, fail, lastLines, requireWritable, run } from "./process.mjs";

/** @import { Requirement } from "../native/system.d.mts" */

/** The torch package to take, by the oldest Python 3 that it serves; the newest first. */
const versions = [
  { torch: "2.15.0", oldest: 11 },
  { torch: "2.14.1", oldest: 10 },
];
/** What libtorch_cpu of the CUDA wheel loads even where no GPU is. */
const cudaRuntime = ["nvidia-cuda-runtime>=13,<14", "nvidia-cuda-cupti>=13,<14"];

/**
 * What makes the private environment.
 * @returns {Requirement}
 */
export function pythonEnvironment() {
  const works = attempt(["python3", "-c", "import ensurepip, venv"]).ok;
  return {
    name: "Python with venv",
    purpose: "fetches libtorch where the system has none",
    needed: true,
    packages: { apt: "python3-venv", dnf: "python3", pacman: "python", zypper: "python3" },
    found: works ? "python3" : undefined,
  };
}

/** Ends set-up where the package cannot be loaded: it is made for glibc alone. */
export function requireGlibc() {
  const { header } = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (
    process.report.getReport()
  );
  if (!header.glibcVersionRuntime)
    fail(
      "This system's C library is not glibc (Alpine has musl), and Python's torch package is made for glibc alone. " +
        `Use a Linux with glibc, or a libtorch built here: LIBTORCH=/path/to/libtorch ${setupCommand}`,
    );
}

/** @param {string} environment folder of the virtual environment to make */
export function installPythonTorch(environment) {
  const python = which("python3");
  if (!python)
    fail(
      `python3 is missing: it fetches libtorch where apt has none. Install it, then: ${setupCommand}`,
    );
  const version = torchVersion(python);
  requireWritable(dirname(environment));
  const partial = `${environment}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(dirname(environment), { recursive: true });
  const made = attempt(["python3", "-m", "venv", partial]);
  if (!made.ok) {
    const command = installCommand([pythonEnvironment()]) ?? "install Python's module venv";
    fail(
      `python3 cannot make a virtual environment:\n${lastLines(made.output)}\n` +
        `Possible solution: ${command}. Then: ${setupCommand}`,
    );
  }
  const pip = [
    join(partial, "bin", "python"),
    "-m",
    "pip",
    "--disable-pip-version-check",
    "install",
  ];
  const install = [...pip, "--no-cache-dir", "--no-compile", "--quiet"];
  const step = "Installing Python's torch package";
  const withCuda = hasCudaDriver();
  if (withCuda) {
    console.log(
      `libtorch: installing torch ${version} with CUDA in ${environment} (some gigabytes)`,
    );
    run(step, [...install, `torch==${version}`]);
  } else if (!attempt([...install, "--no-deps", `torch==${version}+cpu`]).ok) {
    console.log(`libtorch: installing torch ${version} in ${environment} (about 1 GB to fetch)`);
    run(step, [...install, "--no-deps", `torch==${version}`, ...cudaRuntime]);
  }
  if (!withCuda) removeCuda(partial);
  // Renamed once it is whole: an interrupted download is never taken for a libtorch.
  rmSync(environment, { recursive: true, force: true });
  renameSync(partial, environment);
}

/** @param {string} python the path of python3, whose version decides */
function torchVersion(python) {
  const ask = "import sys; print('.'.join(map(str, sys.version_info[:2])))";
  const found = run("Asking Python for its version", [python, "-c", ask]).trim();
  const minor = Number(/^3\.(\d+)$/m.exec(found)?.[1]);
  const fitting = versions.find(({ oldest }) => minor >= oldest);
  if (fitting) return fitting.torch;
  const reason = `Python 3.${versions.at(-1)?.oldest} or newer is needed for its torch package, and this is ${found}`;
  return fail(explainMissing([{ source: "python3", directory: python, reason }]));
}

/**
 * Halves the space: the CUDA libraries cannot be loaded without the NVIDIA packages that were left out.
 * @param {string} environment
 */
function removeCuda(environment) {
  const [python = ""] = readdirSync(join(environment, "lib"));
  const libraries = join(environment, "lib", python, "site-packages", "torch", "lib");
  for (const name of readdirSync(libraries))
    if (/^libtorch_(cuda|nvshmem|python)/.test(name)) rmSync(join(libraries, name));
}
