// Both models of a run in a real browser: what they answer there is what ONNX Runtime answers here.
import { cpSync, existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadData, select } from "../../src/data/index.ts";
import { writeDemo } from "../../src/demo/buildDemo.ts";
import { DataError, UsageError } from "../../src/errors.ts";
import { answer } from "../../src/evaluate/evaluate.ts";
import { OnnxClassifier } from "../../src/evaluate/index.ts";
import { probabilitiesOf } from "../../src/evaluate/probabilities.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { turnInput } from "../../src/graph/layout.ts";
import { idxFiles, png } from "../cli/fixtures.ts";
import { float32, int64, node } from "../graph/graphs.ts";
import { complaintsOf, hasBrowser, openPage, overflowOf } from "../report/browser.ts";
import { chainModel, writeRun } from "../report/runFixture.ts";
import { workshop } from "../workshop.ts";

const file = workshop();
for (const [name, content] of Object.entries(idxFiles())) file(`idx/${name}`, content);
const data = `idx:${file("idx")}`;
const run = writeRun(file, { data });
const types = {
  html: "text/html",
  js: "text/javascript",
  mjs: "text/javascript",
  wasm: "application/wasm",
};

test("the page of what is no finished run, or in a folder that exists, is refused", async () => {
  file("unfinished/config.json", readFileSync(join(run, "config.json")));
  await expect(writeDemo(file("unfinished"), file("none"))).rejects.toThrow(DataError);
  await expect(writeDemo(run, run)).rejects.toThrow(UsageError);
  cpSync(run, file("moved"), { recursive: true });
  const config = JSON.parse(readFileSync(join(run, "config.json"), "utf8"));
  const options = { ...config.options, model: "/nowhere/model.onnx" };
  file("moved/config.json", JSON.stringify({ ...config, options }));
  await expect(writeDemo(file("moved"), file("none"))).rejects.toThrow(
    /^\/nowhere\/model\.onnx, the original that the run began with, is no longer there .*put a copy/,
  );
});

/** A model that makes -5 of every pixel, pads that by zeros, and gives the mean of its maxima times 0, -1, -2 and -3. */
function padded() {
  const build = new GraphBuilder();
  const constant = (name: string, shape: readonly number[], values: readonly number[]) =>
    build.initializer(name, float32(shape, values));
  const image = build.input("image", ["N", 1, 16, 16]);
  const inputs = [constant("weight", [1, 1, 1, 1], [0]), constant("bias", [1], [-5])];
  const map = build.node("Conv", [image, ...inputs]);
  const pads = build.initializer("pads", int64(0, 0, 1, 1, 0, 0, 1, 1));
  const maxima = build.maxPool(build.node("Pad", [map, pads]), {
    kernel: 3,
    stride: 1,
    padding: 0,
  });
  const features = build.flatten(build.globalAveragePool(maxima));
  const head = constant("head", [1, 4], [0, -1, -2, -3]);
  build.output(build.node("MatMul", [features, head]), "logits");
  return build.build();
}

describe.skipIf(!hasBrowser)("the page", () => {
  let server: Server;
  let url = "";
  const folder = (name: string) => `images:${file(name)}`;

  beforeAll(async () => {
    await writeDemo(run, file("page"));
    for (const [i, name] of ["bag", "boot", "coat", "hat"].entries()) {
      for (let copy = 0; copy < 4; copy++) {
        file(
          `photos/train/${name}/${copy}.png`,
          await png(16, { r: 60 * i, g: 40 * copy, b: 200 }),
        );
        file(`photos/test/${name}/${copy}.png`, await png(16));
      }
    }
    const colours = { data: folder("photos"), channels: 3, original: chainModel(3) };
    const options = { channelOrder: "bgr", holdOut: 5 };
    await writeDemo(writeRun(file, { name: "bgr", ...colours, options }), file("page/bgr"));
    const grey = { data: folder("photos"), original: chainModel() };
    const chain = turnInput(chainModel(), "NHW");
    const shipped = {
      ...chain,
      nodes: [...chain.nodes, node("Sigmoid", ["logits"], "scores")],
      outputs: [{ ...chain.outputs[0]!, name: "scores" }],
    };
    const reading = { resize: "squash", orientation: "keep" };
    const other = { name: "grey", ...grey, shipped, options: reading };
    await writeDemo(writeRun(file, other), file("page/grey"));
    const larger = { name: "larger", ...grey, options: { resize: 20 } };
    await writeDemo(writeRun(file, larger), file("page/larger"));
    await writeDemo(
      writeRun(file, { name: "padded", data, original: padded() }),
      file("page/padded"),
    );
    server = createServer((request, response) => {
      const name = request.url!.replace(/\/$/, "/index.html");
      const type = Object.entries(types).find(([ending]) => name.endsWith(`.${ending}`))?.[1];
      response.setHeader("content-type", type ?? "application/octet-stream");
      const path = join(file("page"), name);
      response.end(existsSync(path) ? readFileSync(path) : "");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });

  afterAll(() => server?.close());

  test.each([
    ["WebAssembly", { width: 320 }],
    ["WebGPU", { width: 320, webGpu: true }],
  ])(
    "gives with %s the answers of ONNX Runtime, agreement and times",
    async (runtime, browser) => {
      const { page, problems } = await openPage(browser);
      await page.goto(url);
      await page.waitForSelector("body[data-ready]", { timeout: 150_000 });
      expect(await page.locator("#runtime").textContent()).toContain(`Computed by ${runtime}`);
      const { test: images } = await loadData(data);
      const first = select(images, Int32Array.of(0), "first");
      const classes: Int32Array[] = [];
      for (const role of ["original", "obfuscated"]) {
        await using classifier = await OnnxClassifier.open(file(`page/${role}.onnx`), images);
        const options = { mean: [0.5], std: [0.25] };
        const { logits } = await answer(classifier, first, options);
        const expected = probabilitiesOf(logits, 4)[0]!;
        classes.push((await answer(classifier, images, options)).classes);
        const rows = page.locator(`#answers-${role} li`);
        const shares = await rows.evaluateAll((each) =>
          each.map((row) => Number(row.dataset.share)),
        );
        expect(shares).toHaveLength(4);
        for (const [i, share] of [...expected].sort((a, b) => b - a).entries()) {
          expect(shares[i]).toBeCloseTo(share, 4);
        }
      }
      const alike = classes[0]!.filter((value, i) => value === classes[1]![i]).length;
      const text = `${((100 * alike) / images.count).toFixed(1)} %`;
      expect(await page.locator("#agreement").textContent()).toBe(text);
      expect(await page.locator("#time-original").textContent()).toMatch(/^[\d.]+ ms$/);
      expect(await overflowOf(page)).toBe(0);
      expect(problems).toEqual([]);
    },
    180_000,
  );

  test("counts the padding of a map before max pooling by its value", async () => {
    const { page } = await openPage();
    await page.goto(`${url}padded/`);
    await page.waitForSelector("body[data-ready]", { timeout: 100_000 });
    const shares = await page
      .locator("#answers-original li")
      .evaluateAll((each) => each.map((row) => Number(row.dataset.share)));
    // Windows that reach the padding, 60 of 256, give 0 and the others -5: -3.828125 on average.
    const powers = [0, -1, -2, -3].map((weight) => Math.exp(-3.828125 * weight));
    const sum = powers.reduce((total, value) => total + value, 0);
    const expected = powers.map((value) => value / sum).sort((a, b) => b - a);
    for (const [i, share] of expected.entries()) expect(shares[i]).toBeCloseTo(share, 4);
  });

  test("gives a model of blue, green and red its planes, of held-out images and of files", async () => {
    const { page, problems } = await openPage();
    await page.goto(`${url}bgr/`);
    await page.waitForSelector("body[data-ready]", { timeout: 100_000 });
    expect(await page.locator("#label").textContent()).toContain("Test image 1 of 5");
    const { test: images } = await loadData(folder("photos"), { channelOrder: "bgr" });
    await using classifier = await OnnxClassifier.open(file("page/bgr/obfuscated.onnx"), images);
    const first = select(images, Int32Array.of(0), "first");
    const { logits } = await answer(classifier, first, { mean: [0.5], std: [0.25] });
    const expected = [...probabilitiesOf(logits, 4)[0]!].sort((a, b) => b - a);
    const buffer = Buffer.from(await png(16));
    await page.setInputFiles("#file", { name: "green.png", mimeType: "image/png", buffer });
    await expect.poll(() => page.locator("#label").textContent()).toBe("green.png");
    const shares = () =>
      page
        .locator("#answers-obfuscated li")
        .evaluateAll((each) => each.map((row) => Number(row.dataset.share).toFixed(4)));
    await expect.poll(shares).toEqual(expected.map((share) => share.toFixed(4)));
    expect(problems).toEqual([]);
  });

  test.each([
    ["demo.json", /^Cannot load demo\.json: .*JSON/],
    ["ort.mjs", /^Cannot load \.\/ort\.mjs: ./],
    ["obfuscated.onnx", /^Cannot load obfuscated\.onnx: ./],
  ])(
    "says that it lacks %s",
    async (name, note) => {
      const { page } = await openPage();
      await page.route(`**/${name}`, (route) => route.fulfill({ body: "" }));
      await page.goto(url);
      await expect.poll(() => page.locator("#note").textContent()).toMatch(note);
    },
    100_000,
  );

  test("says of a file that the server has not what it answers", async () => {
    const { page } = await openPage();
    await page.route("**/demo.json", (route) => route.fulfill({ status: 404 }));
    await page.goto(url);
    const note = () => page.locator("#note").textContent();
    await expect.poll(note).toBe("Cannot load demo.json: 404 Not Found");
  });

  test.each([
    ["grey", 40, true, "both sides are scaled, whatever that does to the proportions"],
    ["larger", 20, false, "scaled until its shorter side has 20, then cropped around its middle"],
  ])("brings files to size as the run did: %s", async (name, width, isFrameSeen, words) => {
    const { page, problems } = await openPage();
    await page.goto(`${url}${name}/`);
    await page.waitForSelector("body[data-ready]", { timeout: 100_000 });
    expect(await page.locator("#try .lead").textContent()).toContain(words);
    const { test: images } = await loadData(folder("photos"), { shape: [1, 16, 16] });
    const layout = name === "grey" ? "NHW" : "NCHW";
    const model = file(`page/${name}/obfuscated.onnx`);
    await using classifier = await OnnxClassifier.open(model, images, { layout });
    const { logits } = await answer(classifier, images, { mean: [0.5], std: [0.25] });
    const expected = [...probabilitiesOf(logits, 4)[0]!].sort((a, b) => b - a);
    const shares = await page
      .locator("#answers-obfuscated li")
      .evaluateAll((each) => each.map((row) => Number(row.dataset.share)));
    for (const [i, share] of expected.entries()) expect(shares[i]).toBeCloseTo(share, 4);
    // Black, with a white frame of two pixels.
    const inner = { width: width - 4, height: 16, channels: 3 as const, background: "black" };
    const image = sharp({ create: inner });
    const framed = image.extend({ top: 2, bottom: 2, left: 2, right: 2, background: "white" });
    const buffer = await framed.png().toBuffer();
    await page.setInputFiles("#file", { name: "framed.png", mimeType: "image/png", buffer });
    await expect.poll(() => page.locator("#label").textContent()).toBe("framed.png");
    const redAt = (x: number, y: number) =>
      page.evaluate<number>(
        `document.querySelector("canvas").getContext("2d").getImageData(${x}, ${y}, 1, 1).data[0]`,
      );
    expect((await redAt(0, 8)) > 128).toBe(isFrameSeen);
    expect(await redAt(8, 8)).toBe(0);
    expect(problems).toEqual([]);
  });

  test.each([
    ["grey", "jpeg", "as it is stored"],
    ["grey", "png", "as it is stored"],
    ["grey", "webp", "as it is stored"],
    ["larger", "jpeg", "as the camera noted"],
  ] as const)("shows a file as the run did: on %s a %s %s", async (name, format, how) => {
    const { page, problems } = await openPage();
    await page.goto(`${url}${name}/`);
    await page.waitForSelector("body[data-ready]", { timeout: 100_000 });
    // White on the left as it is stored, so above once it is turned clockwise.
    const black = { width: 16, height: 32, channels: 3 as const, background: "black" };
    const photo = sharp({ create: black }).extend({ left: 16, background: "white" });
    const buffer = await photo.withMetadata({ orientation: 6 }).toFormat(format).toBuffer();
    await page.setInputFiles("#file", { name: "photo", mimeType: `image/${format}`, buffer });
    await expect.poll(() => page.locator("#label").textContent()).toBe("photo");
    const isWhite = (x: number, y: number) =>
      page.evaluate<boolean>(
        `document.querySelector("canvas").getContext("2d").getImageData(${x}, ${y}, 1, 1).data[0] > 128`,
      );
    const corners = [await isWhite(2, 13), await isWhite(13, 2)];
    expect(corners).toEqual(how === "as it is stored" ? [true, false] : [false, true]);
    expect(problems).toEqual([]);
  });

  test("takes an image of any size, and says of a file that is none that it is none", async () => {
    const { page, problems } = await openPage();
    await page.goto(url);
    await page.waitForSelector("body[data-ready]", { timeout: 100_000 });
    const before = await page.locator("#answers-obfuscated").textContent();
    const image = { name: "green.png", mimeType: "image/png", buffer: Buffer.from(await png(50)) };
    await page.setInputFiles("#file", image);
    await expect.poll(() => page.locator("#label").textContent()).toBe("green.png");
    await expect.poll(() => page.locator("#answers-obfuscated").textContent()).not.toBe(before);
    const text = { name: "text.png", mimeType: "image/png", buffer: Buffer.from("no image") };
    await page.setInputFiles("#file", text);
    await expect.poll(() => page.locator("#note").textContent()).toContain("cannot be read");
    expect(problems).toEqual([]);
    expect(await complaintsOf(page)).toEqual([]);
  });
});
