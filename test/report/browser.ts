// Debian's Chromium for the tests: set-up installs it (npm test). Tests that need it skip where it is not there.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll } from "vitest";

const executablePath = "/usr/bin/chromium";

export const hasBrowser = existsSync(executablePath);

const launched = new Map<string, Promise<Browser>>();
/** What Chromium says on its own where WebGPU is asked for and there is none. */
const noAdapter = "No available adapters.";
/** Chromium's own graphics processor, in software. */
const softwareWebGpu = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/** A page that remembers what went wrong on it. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors of scripts, and what the console was told. */
  readonly problems: string[];
}

/** Opens a page; the browser is closed after the tests of a file. */
export async function openPage(
  options: { width?: number; height?: number; dark?: boolean; webGpu?: boolean } = {},
): Promise<WatchedPage> {
  const { width = 1440, height = 900, dark = false, webGpu = false } = options;
  const browser = await launch(["--no-sandbox", ...(webGpu ? softwareWebGpu : [])]);
  const page = await browser.newPage({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
  });
  const problems: string[] = [];
  page.on("console", (message) => {
    const isExpected = message.text() === noAdapter;
    if (["error", "warning"].includes(message.type()) && !isExpected) problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  return { page, problems };
}

/** One browser for the pages of a file that need the same of it. */
function launch(args: string[]): Promise<Browser> {
  const key = args.join(" ");
  const known = launched.get(key);
  if (known) return known;
  const starting = chromium.launch({ executablePath, args });
  launched.set(key, starting);
  afterAll(async () => (await starting).close());
  return starting;
}

/** What axe-core complains about on a page, in short. */
export async function complaintsOf(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  await session.send("Page.setBypassCSP", { enabled: true });
  await page.reload();
  await page.addScriptTag({ path: createRequire(import.meta.url).resolve("axe-core/axe.min.js") });
  const script =
    "axe.run().then((found) => found.violations.map((each) => each.id + ': ' + each.nodes[0].html.slice(0, 200)))";
  const violations = await page.evaluate(script);
  await session.send("Page.setBypassCSP", { enabled: false });
  return violations as string[];
}

/** How far a page is wider than its window, in pixels. */
export function overflowOf(page: Page): Promise<number> {
  return page.evaluate("document.documentElement.scrollWidth - innerWidth") as Promise<number>;
}
