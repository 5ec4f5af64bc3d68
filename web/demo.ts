// The script of the page on which both models answer: images to tensors as the run made them, answers, times, agreement.
import type * as Runtime from "onnxruntime-web";

interface Model {
  readonly file: string;
  readonly input: string;
  readonly output: string;
  readonly layout: "NCHW" | "NHWC" | "NHW";
  readonly without: readonly string[];
}

interface Facts {
  readonly shape: readonly [channels: number, height: number, width: number];
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly resize: "crop" | "squash" | number;
  readonly orientation: "apply" | "keep";
  readonly classes: readonly string[] | null;
  readonly original: Model;
  readonly obfuscated: Model;
  readonly images: {
    readonly count: number;
    readonly channelOrder: "rgb" | "bgr";
    readonly pixels: string;
    readonly labels: readonly number[] | null;
  };
}

type Role = "original" | "obfuscated";
const roles: readonly Role[] = ["original", "obfuscated"];
const timedRuns = 30;
const shownClasses = 5;

const facts = await attempt("load demo.json", readFacts);
const [channels, height, width] = facts.shape;
const size = channels * height * width;
const testPixels = Uint8Array.from(atob(facts.images.pixels), (letter) => letter.charCodeAt(0));
const hasWebGpu = await isWebGpuThere();
const provider =
  hasWebGpu && new URLSearchParams(location.search).get("runtime") !== "wasm" ? "webgpu" : "wasm";
const runtimeFiles = { webgpu: "./ort.webgpu.mjs", wasm: "./ort.mjs" };
const ort = await attempt(
  `load ${runtimeFiles[provider]}`,
  () => import(runtimeFiles[provider]) as Promise<typeof Runtime>,
);
ort.env.wasm.numThreads = 1; // more need headers that a plain web server does not send
ort.env.wasm.wasmPaths = new URL("./", location.href).href;
const sessions = {
  original: await attempt(`load ${facts.original.file}`, () => open("original")),
  obfuscated: await attempt(`load ${facts.obfuscated.file}`, () => open("obfuscated")),
};
const testAnswers = {
  original: await attempt("run the models", () => answersOf("original")),
  obfuscated: await attempt("run the models", () => answersOf("obfuscated")),
};
const readings = {
  original: readingOf(testAnswers.original),
  obfuscated: readingOf(testAnswers.obfuscated),
};
let shown = -1;

showRuntime();
compare();
await attempt("run the models", async () => {
  await showTestImage();
  note("Measuring …");
  await measure();
});
note("");
document.body.dataset.ready = "true";

byId("next").addEventListener("click", () => void showTestImage());
(byId("next") as HTMLButtonElement).disabled = false;
byId("file").addEventListener("change", ({ target }) => {
  const [file] = (target as HTMLInputElement).files ?? [];
  if (file) void showFile(file);
});
const drop = byId("drop");
drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const [file] = event.dataTransfer?.files ?? [];
  if (file) void showFile(file);
});

/** Does what the page cannot do without; where that fails the page says so, and why. */
async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    note(`Cannot ${what}: ${error instanceof Error ? error.message : error}`);
    throw error;
  }
}

async function readFacts(): Promise<Facts> {
  const response = await fetch("demo.json");
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return response.json();
}

/** Whether this browser computes on a graphics processor. */
async function isWebGpuThere(): Promise<boolean> {
  const { gpu } = navigator as Navigator & { gpu?: { requestAdapter(): Promise<object | null> } };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  return adapter !== null && adapter !== undefined;
}

function open(role: Role): Promise<Runtime.InferenceSession> {
  const { file, without } = facts[role];
  return ort.InferenceSession.create(file, {
    executionProviders: [provider],
    extra: { optimization: { disable_specified_optimizers: without.join(";") } },
  });
}

/** Says what computes, and leads to the other where there are two. */
function showRuntime(): void {
  const names = { webgpu: "WebGPU", wasm: "WebAssembly" };
  const other = provider === "webgpu" ? "wasm" : "webgpu";
  const link = document.createElement("a");
  [link.href, link.textContent] = [`?runtime=${other}`, `Measure with ${names[other]}`];
  byId("runtime").append(
    `Computed by ${names[provider]}. `,
    hasWebGpu ? link : "This browser offers no WebGPU.",
  );
}

function byId(id: string): HTMLElement {
  return document.getElementById(id)!;
}

function note(text: string): void {
  byId("note").textContent = text;
}

function nameOf(place: number): string {
  return facts.classes?.[place] ?? `class ${place}`;
}

/** The plane of red, green and blue in an image as the models take it. */
function planeOf(channel: number): number {
  if (channels !== 3) return 0;
  return facts.images.channelOrder === "bgr" ? 2 - channel : channel;
}

function testImage(place: number): Uint8Array {
  return testPixels.subarray(place * size, (place + 1) * size);
}

async function showTestImage(): Promise<void> {
  shown = (shown + 1) % facts.images.count;
  const pixels = testImage(shown);
  const image = new ImageData(width, height);
  const area = width * height;
  for (let i = 0; i < area; i++) {
    for (let channel = 0; channel < 3; channel++) {
      image.data[4 * i + channel] = pixels[planeOf(channel) * area + i]!;
    }
    image.data[4 * i + 3] = 255;
  }
  canvas().putImageData(image, 0, 0);
  const label = facts.images.labels?.[shown];
  byId("label").textContent =
    `Test image ${shown + 1} of ${facts.images.count}${label === undefined ? "" : `: ${nameOf(label)}`}`;
  await answer(pixels);
}

async function showFile(file: File): Promise<void> {
  try {
    const image = facts.orientation === "keep" ? await withoutExif(file) : file;
    const bitmap = await createImageBitmap(image);
    const [wide, tall] = scaledSize(bitmap);
    const context = canvas();
    context.imageSmoothingQuality = "high";
    context.clearRect(0, 0, width, height); // else the image before shows through what is transparent
    context.drawImage(bitmap, (width - wide) / 2, (height - tall) / 2, wide, tall);
    byId("label").textContent = file.name;
    await answer(pixelsOf(context.getImageData(0, 0, width, height)));
    note("");
  } catch {
    note("This file cannot be read as an image.");
  }
}

/**
 * A JPEG or PNG without its Exif, by which browsers turn it whatever `imageOrientation` asks of `createImageBitmap`; a file
 * of another kind as it is.
 */
async function withoutExif(file: Blob): Promise<Blob> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const view = new DataView(bytes.buffer);
  const isJpeg = view.getUint16(0) === 0xffd8;
  if (!isJpeg && view.getUint32(0) !== 0x89504e47) return file;
  const [exif, scan] = isJpeg ? [0xffe1, 0xffda] : [0x65584966, undefined]; // APP1 and SOS, eXIf
  let at = isJpeg ? 2 : 8;
  const kept = [bytes.subarray(0, at)];
  while (at + 8 < bytes.length) {
    const [kind, length] = isJpeg
      ? [view.getUint16(at), 2 + view.getUint16(at + 2)]
      : [view.getUint32(at + 4), 12 + view.getUint32(at)];
    if (kind === scan) break;
    if (kind !== exif) kept.push(bytes.subarray(at, at + length));
    at += length;
  }
  return new Blob([...kept, bytes.subarray(at)]);
}

/** What a file's image is scaled to before its middle is cut out, as the run did it (src/data/imageView.ts). */
function scaledSize(image: ImageBitmap): [wide: number, tall: number] {
  if (facts.resize === "squash") return [width, height];
  const [wide, tall] = facts.resize === "crop" ? [width, height] : [facts.resize, facts.resize];
  const scale = Math.max(wide / image.width, tall / image.height);
  return [image.width * scale, image.height * scale];
}

function canvas(): CanvasRenderingContext2D {
  return (byId("image") as HTMLCanvasElement).getContext("2d", { willReadFrequently: true })!;
}

/** Planar pixels of an image; grey as ITU-R 601-2 weighs colours. */
function pixelsOf({ data }: ImageData): Uint8Array {
  const area = width * height;
  const pixels = new Uint8Array(size);
  for (let i = 0; i < area; i++) {
    const [red, green, blue] = [data[4 * i]!, data[4 * i + 1]!, data[4 * i + 2]!];
    if (channels === 3) {
      for (const [channel, value] of [red, green, blue].entries()) {
        pixels[planeOf(channel) * area + i] = value;
      }
    } else pixels[i] = Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
  }
  return pixels;
}

/** The image as a model takes it. */
function tensorOf(pixels: Uint8Array, { layout }: Model): Runtime.Tensor {
  const area = width * height;
  const values = new Float32Array(size);
  for (let channel = 0; channel < channels; channel++) {
    const mean = facts.mean[channel] ?? facts.mean[0]!;
    const std = facts.std[channel] ?? facts.std[0]!;
    for (let i = 0; i < area; i++) {
      const to = layout === "NHWC" ? i * channels + channel : channel * area + i;
      values[to] = (pixels[channel * area + i]! / 255 - mean) / std;
    }
  }
  const sizes = {
    NCHW: [1, channels, height, width],
    NHWC: [1, height, width, channels],
    NHW: [1, height, width],
  };
  return new ort.Tensor("float32", values, sizes[layout]);
}

async function logits(role: Role, pixels: Uint8Array): Promise<Float32Array> {
  const model = facts[role];
  const results = await sessions[role].run({ [model.input]: tensorOf(pixels, model) });
  return results[model.output]!.data as Float32Array;
}

/** What a model answers to each test image. */
async function answersOf(role: Role): Promise<Float32Array[]> {
  const answers: Float32Array[] = [];
  for (let place = 0; place < facts.images.count; place++) {
    answers.push(await logits(role, testImage(place)));
  }
  return answers;
}

/**
 * How a model's answers become probabilities, by those to all test images: as they are, as shares of their sum or by a
 * softmax, as the run decides it (src/evaluate/probabilities.ts).
 */
function readingOf(answers: readonly Float32Array[]): (scores: Float32Array) => number[] {
  const sumOf = (scores: Float32Array) => scores.reduce((sum, value) => sum + value, 0);
  const are = (holds: (value: number) => boolean) => answers.every((scores) => scores.every(holds));
  const whole = [1, 100, 256].find((each) =>
    answers.every((scores) => Math.abs(sumOf(scores) / each - 1) < 0.02),
  );
  if (whole && are((value) => value >= 0)) {
    return (scores) => Array.from(scores, (value) => value / whole);
  }
  if (are((value) => value >= 0 && value <= 1)) return (scores) => sharesOf([...scores]);
  return (scores) => {
    const most = Math.max(...scores);
    return sharesOf(Array.from(scores, (value) => Math.exp(value - most)));
  };
}

function sharesOf(values: readonly number[]): number[] {
  const sum = values.reduce((total, value) => total + value, 0);
  return values.map((value) => (sum > 0 ? value / sum : 1 / values.length));
}

async function answer(pixels: Uint8Array): Promise<void> {
  for (const role of roles) {
    const shares = readings[role](await logits(role, pixels));
    const order = shares.map((_, place) => place).sort((a, b) => shares[b]! - shares[a]!);
    const rows = order.slice(0, shownClasses).map((place) => {
      const row = document.createElement("li");
      const bar = document.createElement("progress");
      const share = document.createElement("span");
      const name = document.createElement("span");
      [name.textContent, share.textContent] = [
        nameOf(place),
        `${(100 * shares[place]!).toFixed(1)} %`,
      ];
      bar.value = shares[place]!;
      bar.setAttribute("aria-label", `probability of ${nameOf(place)}`);
      row.dataset.share = String(shares[place]);
      row.append(name, share, bar);
      return row;
    });
    byId(`answers-${role}`).replaceChildren(...rows);
  }
}

/** Median time of each model for one image, in turns. */
async function measure(): Promise<void> {
  const times: Record<Role, number[]> = { original: [], obfuscated: [] };
  for (let round = 0; round < timedRuns; round++) {
    for (const role of roles) {
      const start = performance.now();
      await logits(role, testImage(0));
      times[role].push(performance.now() - start);
    }
  }
  const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;
  const [first, second] = roles.map((role) => median(times[role])) as [number, number];
  byId("time-original").textContent = `${first.toPrecision(3)} ms`;
  byId("time-obfuscated").textContent = `${second.toPrecision(3)} ms`;
  byId("ratio").textContent = `× ${(second / first).toPrecision(3)}`;
}

function compare(): void {
  const best = (scores: Float32Array) => scores.indexOf(Math.max(...scores));
  const { original, obfuscated } = testAnswers;
  const alike = original.filter((scores, place) => best(scores) === best(obfuscated[place]!));
  byId("agreement").textContent = `${((100 * alike.length) / facts.images.count).toFixed(1)} %`;
}
