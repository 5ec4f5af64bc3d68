// Types of locate.mjs, for the TypeScript sources and (through JSDoc) for the scripts.

/** A libtorch that DeepObf can be built against. */
export interface Libtorch {
  /** Where it was found, in words: "LIBTORCH", "active Python environment", "python3", ... */
  readonly source: string;
  readonly version: string;
  /** The folder that was looked at (an unpacked libtorch, Python's torch package, or a prefix such as /usr). */
  readonly directory: string;
  readonly includeDirectories: readonly string[];
  /** Run path of the addon: libtorch's own folder, then the folders of the NVIDIA packages beside it. */
  readonly libraryDirectories: readonly string[];
  /** Absolute paths of libtorch_cpu and libc10: all that the addon links. */
  readonly libraries: readonly string[];
  readonly cxx11Abi: boolean;
  readonly cxxStandard: 17 | 20;
  /** Whether libtorch_cuda lies beside it (it is loaded on demand, never linked). */
  readonly cuda: boolean;
}

/** A libtorch that was found and not taken. */
export interface Skipped {
  readonly source: string;
  readonly directory: string;
  readonly reason: string;
}

export interface Located {
  readonly libtorch: Libtorch | undefined;
  readonly skipped: readonly Skipped[];
}

export interface LocateOptions {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Folder of the private virtual environment that set-up makes; tests point it elsewhere. */
  readonly privateEnvironment?: string;
  /** Prefixes where a system keeps libtorch; tests point them elsewhere. */
  readonly systemPrefixes?: readonly string[];
  /** Ask `python3` where its torch lies, which starts a process. Default true. */
  readonly askPython?: boolean;
}

/** The oldest libtorch that DeepObf builds against. */
export const oldestVersion: string;
/** Finds libtorch: LIBTORCH, Python's torch, the private environment, the system; says why others were skipped. */
export function locateLibtorch(options?: LocateOptions): Located;
/** One message with every cause and the remedies, for when nothing was found. */
export function explainMissing(skipped: readonly Skipped[]): string;
