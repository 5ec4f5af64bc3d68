// Set-up with a PATH of stand-ins: nothing is installed, what it would run is written to a log.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeFile } from "./fakeLibtorch.ts";

const root = join(import.meta.dirname, "..", "..");
const scripts = join(root, "scripts");
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "setup-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(name: string, body: string): void {
  const path = join(folder, "bin", name);
  writeFile(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
}

/**
 * apt that knows the named packages, and writes what apt-get is asked for to the log. As on a German system LANGUAGE
 * counts in every locale but C.
 */
function fakeApt(known: readonly string[], install = "true", update = "true"): void {
  const word = '$([ "$LC_ALL" = C ] && echo Candidate || echo Installationskandidat)';
  const cases = known.map((name) => `echo '${name}:'; echo "  ${word}: 1.13.1-4"`).join("; ");
  program("apt-cache", cases || "true");
  program(
    "apt-get",
    `echo "$@" >> ${folder}/log\ncase "$*" in *install*) ${install} ;; *) ${update} ;; esac`,
  );
  program("env", 'while [ "$1" != apt-get ]; do shift; done; exec "$@"');
}

function run(parameters: readonly string[], prelude: string) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", `data:text/javascript,${encodeURIComponent(prelude)}`, ...parameters],
    { env: { PATH: join(folder, "bin") }, encoding: "utf8" },
  );
  const log = join(folder, "log");
  return { status, stdout, stderr, log: existsSync(log) ? readFileSync(log, "utf8") : "" };
}

const requirement = (name: string, needed = true) =>
  JSON.stringify({ name, purpose: "a purpose", needed, packages: { apt: name }, found: undefined });

function install(requirements: readonly string[], uid: number) {
  const module = JSON.stringify(join(scripts, "system-packages.mjs"));
  const body = `import { installMissing } from ${module};
    const rest = installMissing([${requirements.join(",")}]);
    console.log("without:", ...rest.map(({ name }) => name));`;
  return run(["--input-type=module", "-e", body], `process.getuid = () => ${uid}`);
}

describe("system packages", () => {
  test("root: what is missing is installed in one call, without asking", () => {
    fakeApt(["cmake", "g++"]);
    const { status, stdout, log } = install([requirement("cmake"), requirement("g++")], 0);
    expect(status).toBe(0);
    expect(stdout).toContain("system: installing cmake g++");
    expect(log.trim().split("\n")).toHaveLength(1);
    expect(log).toMatch(/install --yes --no-install-recommends cmake g\+\+/);
  });

  test("packages that apt does not know are looked for after an update", () => {
    fakeApt(["cmake"]);
    const { stdout, log } = install([requirement("cmake"), requirement("images", false)], 0);
    expect(log).toMatch(/update\n.*install .* cmake\n/);
    expect(stdout).toContain("without: images");
  });

  test("old package lists: a failed install is tried again after an update", () => {
    fakeApt(["cmake"], `test $(grep -c install ${folder}/log) = 2`);
    program("grep", 'exec /bin/grep "$@"');
    const { status, log } = install([requirement("cmake")], 0);
    expect(status).toBe(0);
    expect(log).toMatch(/install.*\n.*update\n.*install/);
  });

  test("a failing apt-get ends with its last lines and exit code 5", () => {
    fakeApt(["cmake"], "echo E: no space left >&2; exit 100");
    const { status, stderr } = install([requirement("cmake")], 0);
    expect(status).toBe(5);
    expect(stderr).toMatch(/Installing system packages failed[\s\S]*no space left/);
  });

  test("where lists cannot be fetched, what apt knows is installed all the same", () => {
    fakeApt(["cmake"], "true", "echo E: no network >&2; exit 100");
    const { status, stdout } = install([requirement("cmake"), requirement("images", false)], 0);
    expect(status).toBe(0);
    expect(stdout).toMatch(/could not be fetched:\n {2}E: no network[\s\S]*without: images/);
  });

  test("where apt knows nothing of what is missing, nothing is installed", () => {
    fakeApt([]);
    const { status, stdout, log } = install([requirement("images", false)], 0);
    expect(status).toBe(0);
    expect(stdout).toBe("without: images\n");
    expect(log).not.toContain("install");
  });

  test("set-up goes on without what could not be installed where it is not needed", () => {
    fakeApt(["images"], "echo E: no space left >&2; exit 100");
    const { status, stdout } = install([requirement("images", false)], 0);
    expect(status).toBe(0);
    expect(stdout).toMatch(/failed[\s\S]*no space left[\s\S]*without: images/);
  });

  test("neither root nor sudo: one message with the exact command", () => {
    fakeApt(["cmake", "libtorch"]);
    program("sudo", "exit 1");
    const { status, stderr, log } = install([requirement("cmake"), requirement("libtorch")], 1000);
    expect(status).toBe(5);
    expect(stderr).toContain(
      "sudo apt-get update && sudo apt-get install --no-install-recommends cmake libtorch",
    );
    expect(stderr).toContain("DEEPOBF_SETUP_LIBTORCH=pip npm run setup");
    expect(log).toBe("");
  });

  test("sudo without a password is used", () => {
    fakeApt(["cmake"]);
    program("sudo", `shift; echo sudo >> ${folder}/log; exec "$@"`);
    program("true", "exit 0");
    const { status, log } = install([requirement("cmake")], 1000);
    expect(status).toBe(0);
    expect(log).toMatch(/sudo\n.*install .*cmake/);
  });

  test("a system without apt gets the command of its own package manager", () => {
    program("dnf", "exit 1");
    const body = `{ name: "compiler", purpose: "builds", needed: true, packages: { dnf: "gcc-c++" } }`;
    const { status, stderr } = install([body], 1000);
    expect(status).toBe(5);
    expect(stderr).toContain("sudo dnf install gcc-c++");
  });

  test("a system without a known package manager is not told to be root", () => {
    const { status, stderr } = install([requirement("cmake")], 1000);
    expect(status).toBe(5);
    expect(stderr).toContain("installs system packages on Debian and its relatives only");
    expect(stderr).not.toContain("root");
  });
});

describe("libtorch from Python", () => {
  /** A python3 whose environments hold a torch, and write what pip is asked for to the log. */
  function fakePython(version: string): void {
    program(
      "python3",
      `case "$*" in
      -c*) echo ${version} ;;
      *) /bin/mkdir -p "$3/bin" "$3/lib/python${version}/site-packages/torch/lib"
        printf '#!/bin/sh\\necho "$@" >> ${folder}/log\\n' > "$3/bin/python"
        /bin/chmod +x "$3/bin/python" ;;
      esac`,
    );
  }

  function installTorch(prelude = "") {
    const module = JSON.stringify(join(scripts, "python-torch.mjs"));
    const body = `import { installPythonTorch } from ${module};
      installPythonTorch(${JSON.stringify(join(folder, "environment"))});`;
    return run(["--input-type=module", "-e", body], prelude);
  }

  test.each([
    ["3.10", "2.14.1"],
    ["3.11", "2.15.0"],
    ["3.14", "2.15.0"],
  ])("Python %s gets torch %s", (python, torch) => {
    fakePython(python);
    const { status, log } = installTorch();
    expect(status).toBe(0);
    expect(log).toContain(`torch==${torch}`);
  });

  test.each(["/dev/nvidiactl", "/dev/dxg"])("where %s is, torch brings CUDA", (driver) => {
    fakePython("3.11");
    const { status, log } = installTorch(`import fs from "node:fs";
      import { syncBuiltinESMExports } from "node:module";
      const { existsSync } = fs;
      fs.existsSync = (path) => path === "${driver}" || existsSync(path);
      syncBuiltinESMExports();`);
    expect(status).toBe(0);
    expect(log).toMatch(/torch==2\.15\.0$/m);
    expect(log).not.toContain("--no-deps");
  });

  test.each([
    ["root", 0, "solution: apt-get update && apt-get install --no-install-recommends python3-venv"],
    ["another user", 1000, "solution: sudo apt-get update && sudo apt-get install"],
  ])("without venv %s is told how to install it", (_, uid, solution) => {
    program("apt-get", "exit 1");
    program("python3", 'case "$*" in -c*) echo 3.11 ;; *) echo no ensurepip >&2; exit 1 ;; esac');
    const { status, stderr } = installTorch(`process.getuid = () => ${uid}`);
    expect(status).toBe(5);
    expect(stderr).toMatch(/cannot make a virtual environment:\n {2}no ensurepip/);
    expect(stderr).toContain(solution);
  });

  test("an older Python ends with the one that is needed, its place, and other ways", () => {
    fakePython("3.9");
    const { status, stderr, log } = installTorch();
    expect(status).toBe(5);
    expect(stderr).toContain(`python3 (${folder}/bin/python3): Python 3.10 or newer is needed`);
    expect(stderr).toMatch(/this is 3\.9[\s\S]*LIBTORCH=/);
    expect(log).toBe("");
  });
});

test.each(["darwin", "win32"])("set-up is refused at once on %s", (platform) => {
  const prelude = `Object.defineProperty(process, "platform", { value: "${platform}" })`;
  const { status, stdout, stderr } = run([join(scripts, "setup.mjs")], prelude);
  expect(status).toBe(5);
  expect(stdout).toBe("");
  expect(stderr).toMatch(/built on Linux alone.*WSL/);
});

test("a C library other than glibc cannot take Python's libtorch", () => {
  const module = JSON.stringify(join(scripts, "python-torch.mjs"));
  const body = `import { requireGlibc } from ${module}; requireGlibc();`;
  expect(run(["--input-type=module", "-e", body], "").status).toBe(0);
  const musl = run(
    ["--input-type=module", "-e", body],
    "process.report.getReport = () => ({ header: {} })",
  );
  expect(musl.status).toBe(5);
  expect(musl.stderr).toMatch(/made for glibc alone.*LIBTORCH=/);
});

test.each([
  ["set-up", "scripts/setup.mjs", "18.19.0"],
  ["every command", "bin/deepobf.js", "18.19.0"],
  ["every command", "bin/deepobf.js", "21.7.3"],
])("an unfit Node ends %s with what is needed and what was found: %s, %s", (_, script, version) => {
  const prelude = `Object.defineProperty(process.versions, "node", { value: "${version}" });
    delete process.availableMemory;`;
  const { status, stderr } = run([join(root, script)], prelude);
  expect(status).toBe(5);
  expect(stderr).toContain(`needs Node 20.19 or newer, but not 21; this is ${version} (`);
});
