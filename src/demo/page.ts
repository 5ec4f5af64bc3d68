// The page on which both models answer; its script fills it in.
import { html, type Markup } from "../report/html.ts";
import { renderPage } from "../report/page.ts";
import { shorten } from "../text.ts";
import type { DemoFacts } from "./facts.ts";

export function demoHtml({ name, shape, mean, std, resize, images }: DemoFacts): string {
  const [channels, height, width] = shape;
  const hero = html`<p class="eyebrow">DeepObf, both models in this browser</p>
<h1>${shorten(name)}</h1>
<p>The original and the shipped chain answer side by side, computed here by ONNX Runtime. No image leaves this machine.</p>
<p class="detail" id="runtime"></p>
<p class="note" role="status" id="note">Loading both models …</p>
<dl class="tiles">${tile("Same answer", "agreement", `on ${images.count} test images`)}${tile("Original, one image", "time-original", "median here")}${tile("Chain, one image", "time-obfuscated", "median here")}${tile("Time of the chain", "ratio", "of the original's")}</dl>`;
  return renderPage({
    title: `DeepObf: ${shorten(name)} in the browser`,
    hero,
    sections: [
      {
        id: "try",
        title: "Try an image",
        content: html`<p class="lead">Drop an image here, choose a file, or take a test image. It is brought to ${width}×${height} pixels (${sayResize(resize)})${channels === 1 ? " in grey" : ""}; then each channel gets (pixel / 255 − ${mean.join(", ")}) / ${std.join(", ")}, as in the run.</p>
<div class="drop" id="drop"><canvas id="image" width="${width ?? 1}" height="${height ?? 1}" role="img" aria-label="The image as the models see it"></canvas><div><p id="label"></p><p><label for="file">Image file</label> <input id="file" type="file" accept="image/*"></p><p><button type="button" id="next" disabled>Take a test image</button></p></div></div>
<div class="pair">${answers("The original", "original")}${answers("The shipped chain", "obfuscated")}</div>`,
      },
    ],
    script: { path: "demo.js", policy: "script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'" },
  });
}

function sayResize(resize: DemoFacts["resize"]): string {
  if (resize === "squash") return "both sides are scaled, whatever that does to the proportions";
  const covering = resize === "crop" ? "it covers them" : `its shorter side has ${resize}`;
  return `scaled until ${covering}, then cropped around its middle`;
}

function tile(title: string, id: string, detail: string): Markup {
  return html`<div><dt>${title}</dt><dd class="large" id="${id}">–</dd><dd class="detail">${detail}</dd></div>`;
}

function answers(title: string, id: string): Markup {
  return html`<div class="architecture"><h3>${title}</h3><ol class="answers" id="answers-${id}"></ol></div>`;
}
