// Folders that look like a libtorch to native/locate.mjs, made of a few small files.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface FakeOptions {
  readonly version?: string;
  readonly headers?: boolean;
  readonly libraries?: readonly string[];
  readonly cxx11Abi?: boolean;
  /** Folder of the libraries below the root. */
  readonly libraryFolder?: string;
  /** As in PyTorch 2.15, which asks for C++20 and keeps its version in another header. */
  readonly current?: boolean;
}

/** Writes a file and the folders above it. */
export function writeFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Makes a libtorch at `root`. */
export function fakeLibtorch(root: string, options: FakeOptions = {}): string {
  const {
    version = "2.1.0",
    headers = true,
    libraries = ["libtorch_cpu.so", "libc10.so"],
    cxx11Abi = true,
    libraryFolder = "lib",
    current = false,
  } = options;
  const abi = cxx11Abi ? "_ZN3c105ErrorC1ENSt7__cxx1112basic_string" : "_ZN3c105ErrorC1ESs";
  for (const name of libraries) writeFile(join(root, libraryFolder, name), `\x7fELF ${abi}`);
  if (!headers) return root;
  const [major, minor, patch] = version.split(".");
  const header = current ? "torch/headeronly/version.h" : "torch/csrc/api/include/torch/version.h";
  writeFile(
    join(root, "include", header),
    `#define TORCH_VERSION_MAJOR ${major}\n#define TORCH_VERSION_MINOR ${minor}\n` +
      `#define TORCH_VERSION_PATCH ${patch}\n`,
  );
  const check = current ? "#error C++20 or later compatible compiler is required" : "";
  writeFile(join(root, "include", "ATen", "ATen.h"), check);
  return root;
}

/** Makes a virtual environment that holds a torch package; gives the package's folder. */
export function fakeEnvironment(root: string, options: FakeOptions = {}): string {
  return fakeLibtorch(join(root, "lib", "python3.11", "site-packages", "torch"), options);
}
