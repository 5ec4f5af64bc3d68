// The compiled package, for tests of what starts processes.

/** The URL of a compiled module by its path below dist/. */
export function built(path: string): string {
  return new URL(`../../dist/${path}`, import.meta.url).href;
}
