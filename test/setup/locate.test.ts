import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { explainMissing, type LocateOptions, locateLibtorch } from "../../native/locate.mjs";
import { fakeEnvironment, fakeLibtorch, writeFile } from "./fakeLibtorch.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "locate-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Looks in the test's folder alone: no Python of this machine, nothing of its system. */
function locate(environment: Record<string, string> = {}, options: LocateOptions = {}) {
  return locateLibtorch({
    environment: { PATH: join(folder, "bin"), ...environment },
    privateEnvironment: join(folder, "private"),
    systemPrefixes: [join(folder, "usr")],
    ...options,
  });
}

/** Puts a python3 on the test's PATH that says where its torch lies. */
function fakePython(torch: string): void {
  const program = join(folder, "bin", "python3");
  writeFile(program, `#!/bin/sh\necho '${torch && join(torch, "__init__.py")}'\n`);
  chmodSync(program, 0o755);
}

describe("order of discovery", () => {
  test("LIBTORCH, active environment, python3, private environment, system", () => {
    const explicit = fakeLibtorch(join(folder, "explicit"));
    const active = fakeEnvironment(join(folder, "active"));
    const ofPython = fakeEnvironment(join(folder, "other"));
    fakePython(ofPython);
    const own = fakeEnvironment(join(folder, "private"));
    const system = fakeLibtorch(join(folder, "usr"), { libraryFolder: "lib64" });
    const VIRTUAL_ENV = join(folder, "active");
    const found = (environment: Record<string, string>) => {
      const { libtorch } = locate(environment);
      return [libtorch?.source, libtorch?.directory];
    };
    expect(found({ LIBTORCH: explicit, VIRTUAL_ENV })).toEqual(["LIBTORCH", explicit]);
    expect(found({ VIRTUAL_ENV })).toEqual(["active Python environment", active]);
    expect(found({ CONDA_PREFIX: VIRTUAL_ENV })).toEqual(["active Python environment", active]);
    expect(found({})).toEqual(["python3", ofPython]);
    expect(found({ LIBTORCH_USE_PYTORCH: "0", VIRTUAL_ENV })).toEqual([
      "private Python environment",
      own,
    ]);
    rmSync(join(folder, "private"), { recursive: true });
    expect(found({ LIBTORCH_USE_PYTORCH: "0" })).toEqual(["system", system]);
  });

  test("an active environment without torch leaves the question to python3", () => {
    mkdirSync(join(folder, "active", "lib", "python3.11", "site-packages"), { recursive: true });
    fakePython(fakeEnvironment(join(folder, "other")));
    expect(locate({ VIRTUAL_ENV: join(folder, "active") }).libtorch?.source).toBe("python3");
  });

  test("without askPython no python3 is started", () => {
    fakePython(fakeEnvironment(join(folder, "other")));
    expect(locate({}, { askPython: false }).libtorch).toBeUndefined();
  });

  test("LIBTORCH that does not serve ends the search", () => {
    fakeEnvironment(join(folder, "private"));
    const { libtorch, skipped } = locate({ LIBTORCH: join(folder, "nowhere") });
    expect(libtorch).toBeUndefined();
    expect(skipped).toHaveLength(1);
    expect(skipped[0]?.reason).toMatch(/^no such folder .*LIBTORCH asks for this one/);
  });
});

describe("why candidates are skipped", () => {
  const cases: [string, () => void, RegExp][] = [
    [
      "no headers",
      () => fakeEnvironment(join(folder, "active"), { headers: false }),
      /no C\+\+ headers/,
    ],
    [
      "no library",
      () => fakeEnvironment(join(folder, "active"), { libraries: [] }),
      /no libtorch_cpu/,
    ],
    [
      "no libc10",
      () => fakeEnvironment(join(folder, "active"), { libraries: ["libtorch_cpu.so"] }),
      /libc10\.so is missing/,
    ],
    [
      "too old",
      () => fakeEnvironment(join(folder, "active"), { version: "1.12.1" }),
      /libtorch 1\.12\.1 is too old: 1\.13 or newer/,
    ],
    [
      "no version",
      () => {
        const torch = fakeEnvironment(join(folder, "active"));
        rmSync(join(torch, "include", "torch"), { recursive: true });
      },
      /do not say which version/,
    ],
    [
      "empty",
      () =>
        mkdirSync(join(folder, "active/lib/python3.11/site-packages/torch"), { recursive: true }),
      /no libtorch there/,
    ],
  ];
  test.each(cases)("%s", (_name, make, reason) => {
    make();
    const system = fakeLibtorch(join(folder, "usr"));
    const { libtorch, skipped } = locate({ VIRTUAL_ENV: join(folder, "active") });
    expect(libtorch?.directory).toBe(system);
    expect(skipped.map(({ source }) => source)).toEqual(["active Python environment"]);
    expect(skipped[0]?.reason).toMatch(reason);
  });

  test("a Python package that links to the system's libtorch is the system's", () => {
    const system = fakeLibtorch(join(folder, "usr"));
    const torch = join(folder, "usr/lib/python3/dist-packages/torch");
    mkdirSync(join(torch, "lib"), { recursive: true });
    for (const name of ["libc10.so", "libtorch_cpu.so"])
      symlinkSync(join(system, "lib", name), join(torch, "lib", name));
    symlinkSync(join(system, "include"), join(torch, "include"));
    fakePython(torch);
    const { libtorch, skipped } = locate();
    expect(libtorch?.source).toBe("system");
    expect(skipped[0]?.reason).toMatch(/links to/);
  });

  test("nothing anywhere: the message names every candidate and the remedies", () => {
    fakeEnvironment(join(folder, "active"), { version: "1.4.0" });
    mkdirSync(join(folder, "usr"));
    const { libtorch, skipped } = locate({ VIRTUAL_ENV: join(folder, "active") });
    expect(libtorch).toBeUndefined();
    const message = explainMissing(skipped);
    expect(message).toContain("1.4.0 is too old");
    expect(message).toContain(`system (${join(folder, "usr")}): no libtorch there`);
    expect(message).toContain("npm run setup");
  });
});

describe("what is found", () => {
  test("paths, standard and ABI of an old wheel", () => {
    const torch = fakeEnvironment(join(folder, "active"), { version: "2.3.1", cxx11Abi: false });
    expect(locate({ VIRTUAL_ENV: join(folder, "active") }).libtorch).toEqual({
      source: "active Python environment",
      version: "2.3.1",
      directory: torch,
      includeDirectories: [join(torch, "include"), join(torch, "include/torch/csrc/api/include")],
      libraryDirectories: [join(torch, "lib")],
      libraries: [join(torch, "lib/libtorch_cpu.so"), join(torch, "lib/libc10.so")],
      cxx11Abi: false,
      cxxStandard: 17,
      cuda: false,
    });
  });

  test("a current CUDA wheel with NVIDIA's packages beside it", () => {
    const libraries = ["libtorch_cpu.so", "libc10.so", "libtorch_cuda.so"];
    const torch = fakeEnvironment(join(folder, "active"), {
      version: "2.15.0",
      libraries,
      current: true,
    });
    const nvidia = join(torch, "..", "nvidia", "cu13", "lib");
    mkdirSync(nvidia, { recursive: true });
    const { libtorch } = locate({ VIRTUAL_ENV: join(folder, "active") });
    expect(libtorch).toMatchObject({
      version: "2.15.0",
      libraryDirectories: [join(torch, "lib"), nvidia],
      cxx11Abi: true,
      cxxStandard: 20,
      cuda: true,
    });
  });

  test("conda keeps libraries and headers in the environment's own folders", () => {
    const prefix = fakeLibtorch(join(folder, "conda"));
    expect(locate({ CONDA_PREFIX: prefix }).libtorch?.directory).toBe(prefix);
  });
});
