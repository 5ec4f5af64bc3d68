// Types of system.mjs.

/** Package managers whose package names are known. */
export type PackageManager = "apt" | "dnf" | "pacman" | "zypper";

/** Something that the system must have, for one of the jobs. */
export interface Requirement {
  readonly name: string;
  readonly purpose: string;
  /** The build fails without it; what is not needed is only said. */
  readonly needed: boolean;
  readonly packages: Readonly<Partial<Record<PackageManager, string>>>;
  /** Where it is, or undefined where it is missing. */
  readonly found: string | undefined;
}

export interface Blas {
  readonly path: string | undefined;
  /** False for the reference implementation, with which matrix products run some 40 times slower. */
  readonly fast: boolean;
}

/** The versions of Node that DeepObf runs on, in words. */
export const neededNode: string;
/** Whether a version of Node is one of those. */
export function nodeFits(version: string): boolean;
/** What to say where this Node is none of them. */
export function explainNode(): string;
export function buildTools(): Requirement[];
/** What Debian's libtorch needs beside it; a Python package brings its own. */
export function libtorchCompanions(): Requirement[];
export function fashionMnist(): Requirement;
/** ONNX's backend suite; DEEPOBF_ONNX_TESTDATA names another copy than the system's. */
export function onnxTestData(): Requirement;
/** The browser in which the pages are tested. */
export function browser(): Requirement;
/** Whether this process sees a driver of GPUs: of Linux, or of Linux under Windows. */
export function hasCudaDriver(): boolean;
/** The library behind the system's libblas.so.3. */
export function systemBlas(): Blas;
/** The command that brings a fast BLAS. */
export function blasRemedy(): string;
export function packageManager(): PackageManager | undefined;
/** The command that installs packages on this system, for a person to run; undefined where it is unknown. */
export function installCommand(requirements: readonly Requirement[]): string | undefined;
/** Where a program lies on PATH. */
export function which(name: string): string | undefined;
