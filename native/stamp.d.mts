// Types of stamp.mjs.

/** What build/native was made for. */
export interface Stamp {
  readonly libtorch: {
    readonly source: string;
    readonly version: string;
    readonly directory: string;
  };
  /** Run path of the addon; libtorch_cuda lies in the first where the build has it. */
  readonly libraryDirectories: readonly string[];
  /** Size and time of libtorch_cpu: an upgrade in place changes them. */
  readonly library: { readonly path: string; readonly size: number; readonly modified: number };
  readonly cuda: boolean;
  readonly nodeAddonApi: string;
  /** SHA-256 of the C++ sources and the build file. */
  readonly sources: string;
}

export interface AddonState {
  /** Absolute path of the addon, built or not. */
  readonly addon: string;
  readonly stamp: Stamp | undefined;
  /** What does not fit and how to rebuild; fatal where loading cannot work. */
  readonly problem: { readonly fatal: boolean; readonly message: string } | undefined;
}

export const buildDirectory: string;
export const addonPath: string;
export function readStamp(directory?: string): Stamp | undefined;
export function writeStamp(stamp: Stamp): void;
export function removeStamp(): void;
export function hashSources(): string;
export function describeLibrary(path: string): Stamp["library"];
/** Whether the built addon still fits this environment; a few file look-ups, no process. */
export function checkAddon(options?: {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly directory?: string;
}): AddonState;
