// Finds the demo's data: a given folder, Debian's package, or an earlier download; else downloads it.
// Fashion-MNIST: Xiao et al. 2017, https://github.com/zalandoresearch/fashion-mnist (MIT licence).
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { demoCommand } from "../native/remedies.mjs";
import { fashionMnist } from "../native/system.mjs";
import { fail, root } from "./process.mjs";

const source = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion";
const downloads = join(root, ".cache", "fashion-mnist");

/** SHA-256 of each file, unpacked. */
const files = {
  "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
  "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
  "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
  "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
};

/**
 * The folder with the four files, plain or as .gz.
 * @param {string | undefined} given
 */
export async function findFashionMnist(given) {
  if (given) return given;
  const present = [fashionMnist().found, downloads].find(isComplete);
  if (present) return present;
  console.error(`Fashion-MNIST: downloading from ${source}`);
  await download(source, downloads).catch((error) =>
    fail(
      `Fashion-MNIST could not be downloaded: ${reasonOf(error)}\nPossible solutions:\n` +
        "  apt-get install dataset-fashion-mnist\n" +
        `  ${demoCommand}      with the four files of Fashion-MNIST in FOLDER`,
    ),
  );
  return downloads;
}

/**
 * Downloads and unpacks the files. Each appears under its name only once its checksum fits.
 * @param {string} from
 * @param {string} to
 */
export async function download(from, to) {
  mkdirSync(to, { recursive: true });
  for (const [name, expected] of Object.entries(files)) {
    const response = await fetch(`${from}/${name}.gz`);
    if (!response.ok) throw new Error(`${name}.gz: ${response.status} ${response.statusText}`);
    const content = gunzipSync(Buffer.from(await response.arrayBuffer()));
    const found = createHash("sha256").update(content).digest("hex");
    if (found !== expected) {
      throw new Error(`${name}: expected SHA-256 ${expected}, received ${found}`);
    }
    const temporary = join(to, `${name}.tmp`);
    writeFileSync(temporary, content);
    renameSync(temporary, join(to, name));
  }
}

/**
 * fetch says no more than that it failed; its cause says why, an aggregate of several addresses by its code alone.
 * @param {Error & { cause?: Partial<NodeJS.ErrnoException> }} error
 */
function reasonOf({ message, cause }) {
  return cause ? `${message} (${cause.message || cause.code})` : message;
}

/** @param {string | undefined} folder */
function isComplete(folder) {
  if (!folder) return false;
  return Object.keys(files).every((name) =>
    [name, `${name}.gz`].some((file) => existsSync(join(folder, file))),
  );
}
