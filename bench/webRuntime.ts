// ONNX Runtime for the web, on one thread: in Node, and on a page of Chromium.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { chromium } from "playwright-core";
import { packageCommand } from "../native/remedies.mjs";
import { browser } from "../native/system.mjs";

/** ONNX Runtime for Node has the same interface. */
type Web = typeof import("onnxruntime-node");

/** What is to be computed: the model is a path or, in a browser, an address. */
export interface WebTask {
  readonly model: string;
  readonly input: string;
  readonly shape: readonly number[];
  readonly images: ArrayLike<number>;
  readonly seconds: number;
}

/** The first output on all images, and the milliseconds of each run with the first of them alone. */
export interface WebAnswer {
  readonly logits: readonly number[];
  readonly times: readonly number[];
}

/** onnxruntime-web is optional. */
const notInstalled = `not installed: ${packageCommand("onnxruntime-web")}`;

/** Runs a task in Node; the reason as a text where the runtime is not installed. */
export async function inNodeWeb(task: WebTask): Promise<WebAnswer | string> {
  if (webFolder() === undefined) return notInstalled;
  const name = "onnxruntime-web";
  return runWeb(await import(name), task);
}

/** Runs a task on a page of Chromium; the reason as a text where that or the runtime is not installed. */
export async function inChromium({ model, ...task }: WebTask): Promise<WebAnswer | string> {
  const executablePath = browser().found;
  if (!executablePath) return "not installed: Chromium";
  const folder = webFolder();
  if (folder === undefined) return notInstalled;
  const chrome = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const page = await chrome.newPage();
    await page.route("**/*", (route) => {
      const name = new URL(route.request().url()).pathname.slice(1);
      if (name === "") return route.fulfill({ contentType: "text/html", body: "" });
      const path = name === "model.onnx" ? model : join(folder, name);
      const contentType = name.endsWith(".mjs") ? "text/javascript" : "application/octet-stream";
      return route.fulfill({ contentType, body: readFileSync(path) });
    });
    await page.goto("http://localhost/");
    const given: WebTask = { ...task, model: "/model.onnx", images: Array.from(task.images) };
    const script = `import("/ort.wasm.min.mjs").then((ort) => (${runWeb})(ort, ${JSON.stringify(given)}))`;
    return (await page.evaluate(script)) as WebAnswer;
  } finally {
    await chrome.close();
  }
}

function webFolder(): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve("onnxruntime-web/wasm"));
  } catch {
    return undefined;
  }
}

// Runs on a page, too, where nothing else of this file is.
async function runWeb(ort: Web, task: WebTask): Promise<WebAnswer> {
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(task.model);
  const values = Float32Array.from(task.images);
  const run = async (images: Float32Array, shape: readonly number[]) => {
    const results = await session.run({ [task.input]: new ort.Tensor("float32", images, shape) });
    return results[session.outputNames[0]!]!.data as Float32Array;
  };
  const logits = Array.from(await run(values, task.shape));
  const one = [1, ...task.shape.slice(1)];
  const times: number[] = [];
  const end = performance.now() + task.seconds * 1000;
  do {
    const start = performance.now();
    await run(values.subarray(0, values.length / task.shape[0]!), one);
    times.push(performance.now() - start);
  } while (performance.now() < end);
  return { logits, times };
}
