// Models loaded and written again and again, as a service does it for months. DEEPOBF_CYCLES sets how often.
import { expect, test } from "vitest";
import { Network } from "../../src/engine/index.ts";
import { readModel, writeModel } from "../../src/onnx/index.ts";
import { liveTensors } from "../../src/torch/index.ts";
import { collect, collectGarbage } from "../garbage.ts";
import { writeTiny } from "../obfuscate/tiny.ts";
import { workshop } from "../workshop.ts";

const path = workshop();
const cycles = Number(process.env.DEEPOBF_CYCLES ?? 500);

test("loading and exporting 500 times leaves no tensor behind, and no memory", {
  timeout: 600_000,
}, async () => {
  const [from, to] = [writeTiny(path("from.onnx")), path("to.onnx")];
  const before = await collectGarbage();
  const resident: number[] = [];
  for (let cycle = 0; cycle < cycles; cycle++) {
    const graph = await readModel(from);
    using network = new Network(graph, { trainable: true });
    await writeModel(network.toGraph(), to);
    if (cycle % 10 === 0) collect();
    resident.push(process.memoryUsage().rss);
  }
  expect(await collectGarbage()).toBe(before);
  expect(liveTensors()).toBe(before);
  if (cycles < 2000) {
    expect(resident.at(-1)! - resident[20]!).toBeLessThan(32 * 2 ** 20);
    return;
  }
  // V8 warms up: the first half does not count.
  const eighth = cycles / 8;
  const floorOf = (part: number) => Math.min(...resident.slice(part * eighth, (part + 1) * eighth));
  expect((floorOf(7) - floorOf(4)) / (3 * eighth)).toBeLessThan(1024);
});
