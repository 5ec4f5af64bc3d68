// The picture of the README.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { drawOriginalAndChain } from "../../tools/documents/picture.ts";
import { root } from "../../tools/records/records.ts";

test("is up to date: where it is not, npm run results draws it", async () => {
  const path = join(root, "docs", "images", "original-and-chain.svg");
  expect(readFileSync(path, "utf8")).toBe(await drawOriginalAndChain());
});

test("names what it shows, in colours for light and for dark, and cuts nothing off", async () => {
  const image = await drawOriginalAndChain();
  expect(image).toContain("<title>A ResNet-8 with its shortcuts beside the plain chain");
  expect(image).toContain("prefers-color-scheme: dark");
  expect(image).toContain("a ResNet-8: 7 convolutions, 3 shortcuts");
  expect(image).toContain("a plain chain: 5 convolutions, no shortcuts");
  const sizes = [...image.matchAll(/<svg class="\w+" .*? width="([\d.]+)" height="([\d.]+)"/g)];
  const places = [...image.matchAll(/translate\((\d+) (\d+)\)/g)];
  const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(image)!;
  expect([sizes.length, places.length]).toEqual([2, 2]);
  for (const [i, [, wide, tall]] of sizes.entries()) {
    const [, x, y] = places[i]!;
    expect(Number(x) + Number(wide)).toBeLessThan(Number(places[i + 1]?.[1] ?? width));
    expect(Number(y) + Number(tall)).toBeLessThan(Number(height));
  }
});
