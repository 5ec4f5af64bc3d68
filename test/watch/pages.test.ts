// The live view in a real browser: a run that goes on, buttons, and the report of one that is done.
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { doorTo } from "../../src/cli/openPage.ts";
import { ResourceError } from "../../src/errors.ts";
import { serveRuns, type WatchServer } from "../../src/watch/server.ts";
import { complaintsOf, hasBrowser, openPage, overflowOf } from "../report/browser.ts";
import { hostileNames, writeRun } from "../report/runFixture.ts";
import { mountDisk, workshop } from "../workshop.ts";

const file = workshop();

describe.skipIf(!hasBrowser)("the live view", () => {
  let server: WatchServer;
  let going = "";

  beforeAll(async () => {
    writeRun(file, { name: "runs/done" });
    writeRun(file, { name: "runs/<img src=x onerror=alert(1)>", stage: hostileNames[0] });
    going = writeRun(file, { name: "runs/going", epochs: 2 });
    rmSync(join(going, "summary.json"));
    server = await serveRuns(file("runs"));
  });

  afterAll(() => server?.[Symbol.asyncDispose]());

  /** Follows the address with the key to the list of runs. */
  async function enter(page: Page): Promise<void> {
    await page.goto(server.url);
    await page.waitForURL(new URL("/", server.url).href);
  }

  test.each([320, 1440])("lists all runs at %i pixels", async (width) => {
    const { page, problems } = await openPage({ width });
    await enter(page);
    expect(page.url()).not.toContain("token");
    expect(await page.locator("tbody tr").count()).toBe(3);
    expect(await page.getByRole("button", { name: "Resume going" }).count()).toBe(1);
    expect(await overflowOf(page)).toBe(0);
    expect(problems).toEqual([]);
  });

  test("opens from a file of this user alone, which holds the key in the place of a command line", async () => {
    await using door = await doorTo(server.url);
    expect(statSync(door.file).mode & 0o777).toBe(0o600);
    const { page } = await openPage();
    await page.goto(`file://${door.file}`);
    await page.waitForSelector("tbody tr");
    expect(page.url()).toBe(new URL("/", server.url).href);
  });

  test("shows an epoch as soon as it is written down, and where the job is", async () => {
    const { page, problems } = await openPage({ dark: true });
    await enter(page);
    await page.getByRole("link", { name: "going" }).click();
    await expect.poll(() => page.locator(".lead").textContent()).toContain("2 of 2 epochs");
    const losses = { loss: 0.25 };
    const epoch = { stage: "chain", epoch: 3, epochs: 4, imagesPerSecond: 700, seconds: 2, losses };
    appendFileSync(join(going, "metrics.jsonl"), `${JSON.stringify(epoch)}\n`);
    await expect.poll(() => page.locator(".lead").textContent()).toContain("3 of 4 epochs");
    expect(await complaintsOf(page)).toEqual([]);
    expect(problems.filter((text) => !text.includes("axe"))).toEqual([]);
  });

  test("goes on where somebody has clicked into a table, and keeps a link until it is left", async () => {
    writeRun(file, { name: "clicked/first" });
    await using watching = await serveRuns(file("clicked"));
    const { page } = await openPage();
    await page.goto(watching.url);
    await page.locator("thead").click();
    const focused = () => page.evaluate("document.activeElement.className");
    expect(await focused()).toBe("scroll");
    writeRun(file, { name: "clicked/second" });
    await expect.poll(() => page.locator("tbody tr").count()).toBe(2);
    await page.getByRole("link", { name: "second" }).focus();
    const asked = page.waitForResponse(/fragment/);
    writeRun(file, { name: "clicked/third" });
    await (await asked).finished();
    await sleep(1000);
    expect(await page.locator("tbody tr").count()).toBe(2);
    await page.getByRole("link", { name: "second" }).blur();
    await expect.poll(() => page.locator("tbody tr").count()).toBe(3);
  });

  test("says what to do where the server is gone, and where another one is in its place", async () => {
    const stopped = writeRun(file, { name: "left/stopped" });
    rmSync(join(stopped, "summary.json"));
    const { page } = await openPage();
    const note = () => page.locator("[data-field=note]").textContent();
    const first = await serveRuns(file("left"));
    await page.goto(first.url);
    const resume = page.getByRole("button", { name: "Resume stopped" });
    await resume.waitFor();
    await first[Symbol.asyncDispose]();
    await expect.poll(note).toBe("Not connected; trying again");
    await resume.click();
    await expect.poll(note).toBe("Not done: deepobf watch does not answer");
    expect(await resume.isEnabled()).toBe(true);
    await using _ = await serveRuns(file("left"), Number(new URL(first.url).port));
    await expect
      .poll(note, { timeout: 20_000 })
      .toBe("Not connected: open the address that deepobf watch printed");
  });

  test("shows the report of a run that is done, and resumes one by a button", async () => {
    const { page, problems } = await openPage();
    await enter(page);
    await page.getByRole("link", { name: "done" }).click();
    await page.waitForSelector("#reproduction", { timeout: 100_000 });
    await page.goBack();
    await page.getByRole("button", { name: "Resume going" }).click();
    await expect
      .poll(() => page.locator("[data-field=note]").textContent())
      .toBe("resuming; its messages are in going/watch.log");
    // The made-up run's configuration lacks most options: the process that was started says so and ends.
    const log = () => readFileSync(join(going, "watch.log"), "utf8");
    await expect.poll(log).toMatch(/^error: .*config\.json/m);
    expect(problems).toEqual([]);
  });
});

const disk = file("disk");
test.skipIf(!mountDisk(disk, 8))("the file to open leaves nothing on a full disk", async () => {
  const filler = join(disk, "filler");
  writeFileSync(filler, new Uint8Array(8 * 1024));
  vi.stubEnv("XDG_RUNTIME_DIR", disk);
  await expect(doorTo("http://localhost")).rejects.toThrow(ResourceError);
  expect(readdirSync(disk)).toEqual(["filler"]);
  vi.stubEnv("XDG_RUNTIME_DIR", file("missing"));
  await expect(doorTo("http://localhost")).rejects.toThrow(ResourceError);
  vi.unstubAllEnvs();
});
