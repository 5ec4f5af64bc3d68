// How a report looks: one accent colour for what is shipped, grey for the original, and colours that the colour-blind
// tell apart (Okabe and Ito 2008, darkened or lightened until text in them has a contrast of 4.5 to its background).
const light = `
--paper: #ffffff; --panel: #f7f7f5; --ink: #1b1c1f; --muted: #5c5f66; --line: #e3e2de; --faint: #efeeea;
--accent: #0067b1; --accent-soft: #e2f0fb; --accent-line: #8fc1e6; --original: #63666d; --original-soft: #ececea;
--warn: #a14b00; --warn-soft: #fdf0e1; --two: #a14b00; --three: #00705a; --four: #8a3f80;`;
const dark = `
--paper: #131417; --panel: #1b1d21; --ink: #ecedf0; --muted: #a4a8b1; --line: #32353c; --faint: #26282e;
--accent: #66b8f5; --accent-soft: #12314a; --accent-line: #2f6f9f; --original: #b0b3ba; --original-soft: #2b2d33;
--warn: #f0a85c; --warn-soft: #3a2812; --two: #f0a85c; --three: #4fc9a8; --four: #dc9bd2;`;

/** The colours by name, in light and in dark. */
export const colours = `
:root { color-scheme: light dark; ${light} }
@media (prefers-color-scheme: dark) { :root { ${dark} } }`;

/** How diagrams look, in these colours, and the text of all drawings. */
export const diagramStyle = `
svg text { font: 12px system-ui, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif; fill: var(--ink); font-variant-numeric: tabular-nums; }
.start { text-anchor: start; } .middle { text-anchor: middle; } .end { text-anchor: end; }
.box { stroke-width: 1.2; } .box.convolution { fill: var(--original-soft); stroke: var(--original); }
.ours .box.convolution { fill: var(--accent-soft); stroke: var(--accent); }
.box.input, .box.pooling { fill: var(--paper); stroke: var(--original); } .box.sum { fill: var(--warn-soft); stroke: var(--warn); }
.box.classifier { fill: var(--paper); stroke: var(--three); stroke-dasharray: 5 3; stroke-width: 1.6; }
.sizes { fill: var(--muted); } .edge { fill: none; stroke: var(--muted); stroke-width: 1.3; } .tip { fill: var(--muted); }
.frame { fill: none; stroke: var(--muted); stroke-dasharray: 2 3; } svg text.times { font-size: 14px; font-weight: 650; }`;

/** How a page looks. */
export const style = `${colours}${diagramStyle}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body {
  margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 system-ui, "Segoe UI", Roboto, "Helvetica Neue",
  "Noto Sans", "Liberation Sans", Arial, sans-serif; font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
main, .hero, footer { max-width: 66rem; margin: 0 auto; padding: 0 clamp(1rem, 4vw, 2.5rem); }
a { color: var(--accent); text-underline-offset: 0.2em; }
a:focus-visible, button:focus-visible, [tabindex]:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 4px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 1rem; background: var(--paper); padding: 0.5rem 1rem; z-index: 2; }
.hero { padding-top: clamp(2rem, 6vw, 4.5rem); }
.eyebrow { color: var(--muted); margin: 0 0 0.5rem; font-size: 0.9rem; }
h1 { font-size: clamp(1.6rem, 4.5vw, 2.4rem); line-height: 1.2; letter-spacing: -0.02em; margin: 0 0 1.5rem; font-weight: 650; }
h2 { font-size: 1.4rem; line-height: 1.3; letter-spacing: -0.01em; margin: 0 0 0.4rem; font-weight: 650; }
h3 { font-size: 1rem; margin: 0 0 0.25rem; font-weight: 650; }
p { margin: 0 0 1rem; max-width: 44rem; }
.verdict { list-style: none; margin: 0; padding: 0; max-width: 50rem; }
.verdict li { font-size: clamp(1.05rem, 2.2vw, 1.25rem); line-height: 1.5; padding: 0.55rem 0 0.55rem 1.1rem; border-left: 3px solid var(--accent); }
.verdict li + li { margin-top: 0.6rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 12rem), 1fr)); gap: 1px; margin: 2.5rem 0 0;
  background: var(--line); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
.tiles div { background: var(--paper); padding: 1.1rem 1.25rem; display: flex; flex-direction: column; }
.tiles dt { color: var(--muted); font-size: 0.85rem; }
.tiles dd { margin: 0; }
.tiles .large { font-size: 1.9rem; line-height: 1.3; font-weight: 650; letter-spacing: -0.02em; color: var(--accent); }
.tiles .detail { color: var(--muted); font-size: 0.85rem; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; list-style: none; padding: 0; margin: 2.25rem 0 0; font-size: 0.9rem; }
section { margin-top: clamp(3rem, 7vw, 5rem); }
.lead { color: var(--muted); }
.missing { background: var(--panel); border: 1px dashed var(--line); border-radius: 10px; padding: 0.9rem 1.1rem; color: var(--muted); max-width: none; }
.warning { background: var(--warn-soft); color: var(--ink); border-left: 3px solid var(--warn); padding: 0.7rem 1rem; border-radius: 0 8px 8px 0; }
.scroll { overflow-x: auto; margin: 1.25rem 0; }
table { border-collapse: collapse; width: 100%; font-size: 0.95rem; }
th, td { min-width: 4.75rem; padding: 0.5rem 0.75rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: baseline; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--muted); font-weight: 500; font-size: 0.85rem; }
tbody th { font-weight: 400; }
td.shipped, .shipped { color: var(--accent); font-weight: 600; }
.text td, .text th { text-align: left; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: 0.85rem; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.1rem; white-space: pre-wrap; margin: 1rem 0; user-select: all; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 2rem; margin-top: 1.5rem; align-items: start; }
.architecture { background: var(--panel); border-radius: 14px; padding: 1.25rem; min-width: 0; }
.architecture .scroll { margin: 1rem 0 0; }
.architecture svg { display: block; margin: 0 auto; }
.legend { display: flex; flex-wrap: wrap; gap: 0.3rem 1.25rem; list-style: none; margin: 1rem 0 0; padding: 0; color: var(--muted); font-size: 0.85rem; }
.legend svg { width: 1.5rem; height: 0.8rem; vertical-align: baseline; margin-right: 0.4rem; }
figure { margin: 1.75rem 0 0; }
figcaption { color: var(--muted); font-size: 0.9rem; margin-bottom: 0.5rem; }
.chart { display: block; width: 100%; min-width: 30rem; height: auto; } .pair .chart { min-width: 20rem; }
.thumbnails { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 1rem; list-style: none; margin: 1.5rem 0 0; padding: 0; }
.thumbnails li { border: 1px solid var(--line); border-radius: 12px; overflow: hidden; font-size: 0.82rem; line-height: 1.4; }
.thumbnails img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated; background: var(--panel); }
.thumbnails dl { margin: 0; padding: 0.7rem 0.8rem; }
.thumbnails dt { color: var(--muted); }
.thumbnails dd { margin: 0 0 0.3rem; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem 3rem; }
.columns ul { margin: 0.5rem 0 0; padding-left: 1.1rem; }
.columns li { margin-bottom: 0.5rem; }
.badge { font-size: 0.85rem; color: var(--muted); }
footer { margin-top: 5rem; padding-top: 1.5rem; padding-bottom: 3rem; color: var(--muted); font-size: 0.85rem; }
svg .axis { fill: var(--muted); } svg .grid { stroke: var(--line); } svg .base { stroke: var(--muted); }
.stroke { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.c0 { stroke: var(--accent); } .c1 { stroke: var(--two); } .c2 { stroke: var(--three); } .c3 { stroke: var(--four); } .c4 { stroke: var(--original); }
svg text.t0 { fill: var(--accent); } svg text.t1 { fill: var(--two); } svg text.t2 { fill: var(--three); } svg text.t3 { fill: var(--four); } svg text.t4 { fill: var(--original); }
.f0 { fill: var(--accent); } .f1 { fill: var(--two); } .f2 { fill: var(--three); } .f3 { fill: var(--four); } .f4 { fill: var(--original); }
.d1 { stroke-dasharray: 7 4; } .d2 { stroke-dasharray: 2 4; } .d3 { stroke-dasharray: 9 3 2 3; } .d4 { stroke-dasharray: 4 3; }
svg text.cell { font-size: 11px; }
button { font: inherit; font-size: 0.9rem; color: var(--accent); background: var(--paper); border: 1px solid var(--accent); border-radius: 8px; padding: 0.2rem 0.9rem; cursor: pointer; }
button:hover { background: var(--accent-soft); } button:disabled { color: var(--muted); border-color: var(--line); cursor: default; }
progress { width: 8rem; height: 0.6rem; accent-color: var(--accent); } progress.wide { width: 100%; margin-top: 0.5rem; }
.state { font-weight: 600; } .state.working { color: var(--accent); } .state.stopped { color: var(--warn); } .state.finished { color: var(--three); }
.note { color: var(--warn); } .note:empty { display: none; }
.drop { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: center; border: 2px dashed var(--line); border-radius: 14px; padding: 1.25rem; }
.drop.over { border-color: var(--accent); background: var(--accent-soft); }
.drop > div { min-width: 0; } .drop canvas { width: 12rem; max-width: 100%; image-rendering: pixelated; background: var(--panel); border-radius: 8px; } input { font: inherit; max-width: 100%; color: inherit; }
.answers { list-style: none; margin: 0.75rem 0 0; padding: 0; } .answers li { display: grid; grid-template-columns: 1fr auto; gap: 0 1rem; padding: 0.25rem 0; }
.answers progress { grid-column: 1 / -1; width: 100%; }
@media print {
  :root { color-scheme: light; ${light} }
  body { font-size: 11pt; } nav, .skip { display: none; } section { margin-top: 2rem; } a { color: inherit; text-decoration: none; }
  .tiles, .thumbnails li, figure, tr, .columns ul { break-inside: avoid; } h2, h3, .lead { break-after: avoid; }
  .scroll { overflow: visible; } .chart { min-width: 0; max-width: 100%; } .architecture { background: none; padding: 0; }
  .architecture svg { max-width: 100%; height: auto; max-height: 23cm; } .pair { grid-template-columns: 1fr 1fr; gap: 1rem; }
}
`;
