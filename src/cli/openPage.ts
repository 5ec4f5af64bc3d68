// Opens an address that holds a key in the browser. Everybody on the machine can read a process's command line, so
// the browser is given the name of a file that only this user can read, and that leads on to the address.
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cannotWrite, throwCannotWrite } from "../systemErrors.ts";

/**
 * A file that leads to an address, for this user alone, for as long as it is not disposed of. Throws ResourceError where
 * it cannot be written.
 */
export async function doorTo(url: string): Promise<AsyncDisposable & { readonly file: string }> {
  const prefix = join(process.env.XDG_RUNTIME_DIR || tmpdir(), "deepobf-");
  const folder = await mkdtemp(prefix).catch(throwCannotWrite(prefix));
  const file = join(folder, "watch.html");
  const refresh = `<meta http-equiv="refresh" content="0; url=${url}">`;
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await writeFile(file, `<!doctype html><title>DeepObf</title>${refresh}\n`, { mode: 0o600 });
  } catch (error) {
    await remove();
    throw cannotWrite(file, error);
  }
  return { file, [Symbol.asyncDispose]: remove };
}

/** Opens a file as the desktop does; says so on standard error where there is no browser. */
export function openWithDesktop(file: string): void {
  const opening = spawn("xdg-open", [file], { stdio: "ignore", detached: true });
  opening.on("error", () => {
    process.stderr.write("no browser was found: open the address above\n");
  });
  opening.unref();
}
