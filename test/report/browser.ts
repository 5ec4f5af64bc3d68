// Debian's Chromium for the tests: set-up installs it (npm test). Tests that need it skip where it is not there.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll } from "vitest";

const executablePath = "/usr/bin/chromium";

export const hasBrowser = existsSync(executablePath);

let launched: Promise<Browser> | undefined;

/** A page that remembers what went wrong on it. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors of scripts, and what the console was told. */
  readonly problems: string[];
}

/** Opens a page; the browser is closed after the tests of a file. */
export async function openPage(
  options: { width?: number; height?: number; dark?: boolean } = {},
): Promise<WatchedPage> {
  const { width = 1440, height = 900, dark = false } = options;
  if (!launched) {
    launched = chromium.launch({ executablePath, args: ["--no-sandbox"] });
    afterAll(async () => (await launched)?.close());
  }
  const page = await (await launched).newPage({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
  });
  const problems: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  return { page, problems };
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
