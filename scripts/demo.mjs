// The demo: the main job on real images. A small ResNet trained on Fashion-MNIST, which the repository
// ships, becomes a chain of five convolutions. Ends with code 7 where more than 2 points are lost.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { join, resolve } from "node:path";
import { ownCommand } from "../native/remedies.mjs";
import { findFashionMnist } from "./fashion-mnist.mjs";
import { root } from "./process.mjs";

const [, , folder] = process.argv;
// npm runs this in the clone, wherever it was called.
const here = (process.cwd() === root && process.env.INIT_CWD) || process.cwd();
const data = await findFashionMnist(folder && resolve(here, folder));
const parameters = [
  ...["obfuscate", join(root, "examples", "resnet8-fashion-mnist.onnx"), "--data", `idx:${data}`],
  ...["--depth", "5", "--epochs", "7", "--batch-size", "128", "--crop", "0", "--flip"],
  ...["--max-accuracy-drop", "0.02"],
  ...["--out", freeFolder()],
];
console.error(`$ ${ownCommand} ${parameters.join(" ")}`);
const command = [join(root, "bin", "deepobf.js"), ...parameters];
const job = spawn(process.execPath, command, { stdio: "inherit" });
process.on("SIGINT", () => {}); // a terminal's Ctrl-C reaches the job, too, which ends as it must
process.on("SIGTERM", () => job.kill("SIGTERM"));
const [code, signal] = await once(job, "close");
process.exitCode = code ?? 128 + constants.signals[/** @type {NodeJS.Signals} */ (signal)];

/** runs/demo, or the first of runs/demo-2, runs/demo-3, ... that is free. */
function freeFolder() {
  for (let number = 1; ; number++) {
    const folder = join("runs", number === 1 ? "demo" : `demo-${number}`);
    if (!existsSync(folder)) return folder;
  }
}
