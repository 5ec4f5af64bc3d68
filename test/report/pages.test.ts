// Reports in a real browser: nothing hostile runs, everything is there, at every width, in light, dark and print.
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { writeComparison, writeReport } from "../../src/report/index.ts";
import { workshop } from "../workshop.ts";
import { complaintsOf, hasBrowser, openPage, overflowOf } from "./browser.ts";
import { hostileModel, hostileNames, writeRun } from "./runFixture.ts";

const file = workshop();
let report = "";
let comparison = "";

describe.skipIf(!hasBrowser)("a report with hostile names", () => {
  beforeAll(async () => {
    const long = "<script>window.attacked = true</script>".repeat(30_000);
    const run = writeRun(file, {
      name: "<script>window.attacked=true<",
      classes: [...hostileNames.slice(0, 3), long],
      stage: `${hostileNames[3]}</title><script>window.attacked = true</script>`,
      original: hostileModel(),
    });
    const cka = { original: [...hostileNames], model: [long], values: [[1, 0.5, 0.25, null]] };
    const measures = { layerEditDistance: 0.7, graphSimilarity: 0.2, sharedNames: 0 };
    const shared = { sharedMetadata: 0, sharedWeights: 0, sharedWeightsUpToScale: 0 };
    const sentences = { graphSimilarity: long, sharedNames: hostileNames[0] };
    writeFileSync(
      join(run, "exposure.json"),
      JSON.stringify({ ...measures, ...shared, sentences, cka }),
    );
    report = (await writeReport(run)).report;
    const other = writeRun(file, { name: "other" });
    comparison = (await writeComparison([run, other], { out: file("") })).report;
  }, 300_000);

  test.each([320, 1440])("has every section at %i pixels, without an error", async (width) => {
    const { page, problems } = await openPage({ width });
    await page.goto(`file://${report}`);
    expect(await page.locator("section").count()).toBe(9);
    expect(await page.locator("svg").count()).toBeGreaterThan(5);
    expect(await page.locator(".thumbnails img").count()).toBe(3);
    expect(await overflowOf(page)).toBe(0);
    expect(await page.evaluate("window.attacked")).toBeUndefined();
    expect(problems).toEqual([]);
  });

  test("shows every image whole, and no figure or short word in two lines", async () => {
    const { page } = await openPage({ width: 320 });
    await page.goto(`file://${report}`);
    const widths = `[...document.querySelectorAll(".thumbnails img")].map((image) => image.naturalWidth)`;
    expect(await page.evaluate(widths)).toEqual([48, 48, 48]);
    const broken = `[...document.querySelectorAll("th, td")]
      .filter((cell) => /^\\S{1,8}$/.test(cell.textContent))
      .filter((cell) => {
        const range = document.createRange();
        range.selectNodeContents(cell);
        return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size > 1;
      })
      .map((cell) => cell.textContent)`;
    expect(await page.evaluate(broken)).toEqual([]);
  });

  test("loads nothing from elsewhere", async () => {
    const { page } = await openPage();
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url().slice(0, 5)));
    await page.goto(`file://${report}`);
    expect(asked.filter((start) => start !== "data:")).toEqual(["file:"]);
  });

  test.each([false, true])("can be read by everyone, dark %s", async (dark) => {
    const { page } = await openPage({ dark });
    await page.goto(`file://${report}`);
    const background = await page.evaluate("getComputedStyle(document.body).backgroundColor");
    expect(background).toBe(dark ? "rgb(19, 20, 23)" : "rgb(255, 255, 255)");
    expect(await complaintsOf(page)).toEqual([]);
  });

  test("is used by keyboard alone", async () => {
    const { page } = await openPage();
    await page.goto(`file://${report}`);
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("location.hash")).toBe("#content");
    const widest = page.locator(".scroll").first();
    await widest.focus();
    expect(await widest.evaluate((element) => element.matches(":focus-visible"))).toBe(true);
  });

  test("prints to PDF", async () => {
    const { page } = await openPage({ dark: true });
    await page.goto(`file://${report}`);
    const pdf = await page.pdf({ format: "A4", path: file("report.pdf") });
    expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
    expect(statSync(file("report.pdf")).size).toBeGreaterThan(20_000);
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    const background = await page.evaluate("getComputedStyle(document.body).backgroundColor");
    expect(background).toBe("rgb(255, 255, 255)");
  });

  test("is compared with another", async () => {
    const { page, problems } = await openPage({ width: 320 });
    await page.goto(`file://${comparison}`);
    expect(await page.locator("section").count()).toBe(3);
    expect(await page.locator("tbody tr").count()).toBe(2);
    expect(await overflowOf(page)).toBe(0);
    expect(await complaintsOf(page)).toEqual([]);
    expect(problems).toEqual([]);
  });
});
