// The picture of docs/report.md: the top of a run's report in a browser. `npm run report-picture -- RUN`, with
// Debian's Chromium.
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import sharp from "sharp";
import { browser } from "../native/system.mjs";
import { root } from "./records/records.ts";

const [run] = process.argv.slice(2);
if (run === undefined)
  throw new Error("expected the folder of a run: npm run report-picture -- RUN");
const chrome = await chromium.launch({
  executablePath: browser().found ?? "chromium",
  args: ["--no-sandbox"],
});
const page = await chrome.newPage({
  viewport: { width: 1200, height: 1500 },
  colorScheme: "light",
});
await page.goto(pathToFileURL(join(resolve(run), "report.html")).href);
const picture = await page.screenshot();
await chrome.close();
await sharp(picture)
  .resize(900)
  .webp({ quality: 80 })
  .toFile(join(root, "docs", "images", "report.webp"));
