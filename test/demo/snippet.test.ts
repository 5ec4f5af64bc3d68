// The lines for a browser of docs/from-pytorch.md, run as they stand there.
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.ts";
import { encodeModel } from "../../src/onnx/index.ts";
import { hasBrowser, openPage } from "../report/browser.ts";

const root = new URL("../../", import.meta.url);
const document = readFileSync(new URL("docs/from-pytorch.md", root), "utf8");
const [, snippet = ""] = /```html\n(.*?)```/s.exec(document) ?? [];

/** Its class is the channel that is brightest once it is normalized. */
function brightest(): Uint8Array {
  const build = new GraphBuilder({ seed: 0 });
  const image = build.input("image", ["N", 3, 224, 224]);
  build.output(build.flatten(build.globalAveragePool(image)), "logits");
  return encodeModel(build.build());
}

describe.skipIf(!hasBrowser)("the lines for a browser", () => {
  let server: Server;
  beforeAll(async () => {
    const page = snippet.replace("</script>", "globalThis.classify = classify;</script>");
    server = createServer(({ url = "" }, response) => {
      const types = { ".mjs": "text/javascript", ".wasm": "application/wasm", "/": "text/html" };
      const type = Object.entries(types).find(([ending]) => url.endsWith(ending))?.[1];
      response.setHeader("content-type", type ?? "application/octet-stream");
      if (url === "/") response.end(`<link rel="icon" href="data:,">${page}`);
      else if (url === "/model.onnx") response.end(brightest());
      else response.end(readFileSync(new URL(`.${url}`, root)));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => server?.close());

  // The last is grey: normalized, its blue is the brightest.
  test.each([
    ["rgb(200 100 100)", 0],
    ["rgb(100 200 100)", 1],
    ["rgb(100 100 200)", 2],
    ["rgb(120 120 120)", 2],
  ])("say of %s the class %i", async (colour, expected) => {
    const { page, problems } = await openPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction("globalThis.classify");
    const draw = `(() => {
      const canvas = new OffscreenCanvas(300, 200);
      const context = canvas.getContext("2d");
      context.fillStyle = ${JSON.stringify(colour)};
      context.fillRect(0, 0, 300, 200);
      return classify(canvas);
    })()`;
    expect(await page.evaluate(draw)).toBe(expected);
    expect(problems).toEqual([]);
  });
});
