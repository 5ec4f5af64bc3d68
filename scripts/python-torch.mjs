// Where the system has no libtorch: Python's torch package in a private environment in the cache folder. Only
// its headers and libraries are used; Python never runs after this.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { setupCommand } from "../native/remedies.mjs";
import { which } from "../native/system.mjs";
import { attempt, fail, lastLines, run } from "./process.mjs";

const version = "2.15.0";
/** What libtorch_cpu of the CUDA wheel loads even where no GPU is. */
const cudaRuntime = ["nvidia-cuda-runtime>=13,<14", "nvidia-cuda-cupti>=13,<14"];

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
  if (!which("python3"))
    fail(
      `python3 is missing: it fetches libtorch where apt has none. Install it, then: ${setupCommand}`,
    );
  const partial = `${environment}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(dirname(environment), { recursive: true });
  const made = attempt(["python3", "-m", "venv", partial]);
  if (!made.ok)
    fail(
      `python3 cannot make a virtual environment:\n${lastLines(made.output)}\n` +
        `On Debian and its relatives: sudo apt-get install python3-venv. Then: ${setupCommand}`,
    );
  const pip = [
    join(partial, "bin", "python"),
    "-m",
    "pip",
    "--disable-pip-version-check",
    "install",
  ];
  const install = [...pip, "--no-cache-dir", "--no-compile", "--quiet"];
  const step = "Installing Python's torch package";
  const hasNvidiaDriver = existsSync("/proc/driver/nvidia/version");
  if (hasNvidiaDriver) {
    console.log(
      `libtorch: installing torch ${version} with CUDA in ${environment} (some gigabytes)`,
    );
    run(step, [...install, `torch==${version}`]);
  } else if (!attempt([...install, "--no-deps", `torch==${version}+cpu`]).ok) {
    console.log(`libtorch: installing torch ${version} in ${environment} (about 1 GB to fetch)`);
    run(step, [...install, "--no-deps", `torch==${version}`, ...cudaRuntime]);
  }
  if (!hasNvidiaDriver) removeCuda(partial);
  // Renamed once it is whole: an interrupted download is never taken for a libtorch.
  rmSync(environment, { recursive: true, force: true });
  renameSync(partial, environment);
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
