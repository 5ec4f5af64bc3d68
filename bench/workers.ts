// Two workers of one thread against one process of two threads, in turn: images a second of the chain of ResNet-56, all
// sums included. From the step that was measured, what one takes with more workers: where each pair of them is connected
// as the two are, by the sums that were measured, and on other networks.

import { fileURLToPath } from "node:url";
import { median } from "../src/averages.ts";
import { Contestant } from "./contestant.ts";
import { readOptions } from "./options.ts";
import { report, round } from "./report.ts";
import { bucketsOf, measuredNetwork, type Network, stepSeconds } from "./ringModel.ts";
import { batchNorms, parameters } from "./workersChain.ts";

const batch = 256;
const [stepsATurn, sumsATurn] = [4, 20];
const gradients = parameters.reduce((sum, size) => sum + size, 0);

const options = readOptions({ rounds: 10, threads: 2 });
const worker = fileURLToPath(new URL("workersWorker.js", import.meta.url));

function start(
  precision: string,
  threads: number,
  environment: Record<string, string> = {},
): Promise<Contestant> {
  const command = [process.execPath, worker, precision, String(threads)];
  return Contestant.start("deepobf", { command, environment });
}

const results: Record<string, object> = {};
for (const [index, precision] of (["bf16", "f32"] as const).entries()) {
  const port = String(29_400 + index);
  const place = { WORLD_SIZE: "2", MASTER_ADDR: "127.0.0.1", MASTER_PORT: port };
  const alone = await start(precision, options.threads);
  const two = await Promise.all(
    ["0", "1"].map((rank) => start(precision, options.threads / 2, { ...place, RANK: rank })),
  );
  const secondsOf = async (request: string, sides: readonly Contestant[]) =>
    Math.max(
      ...(await Promise.all(sides.map((each) => each.ask(request)))).map(({ seconds }) =>
        median(seconds),
      ),
    );
  const turns: [alone: number, two: number][] = [];
  for (let turn = 0; turn < options.rounds; turn++) {
    const seconds = await secondsOf(String(stepsATurn), [alone]);
    turns.push([seconds, await secondsOf(String(stepsATurn), two)]);
  }
  const speed = (side: 0 | 1) => round(batch / median(turns.map((turn) => turn[side])));
  const small = await secondsOf(`sum 1 ${sumsATurn}`, two);
  const large = await secondsOf(`sum ${gradients} ${sumsATurn}`, two);
  const between = measuredNetwork({ oneFloat: small, all: large }, 4 * gradients);
  results[precision] = {
    aloneImagesPerSecond: speed(0),
    twoWorkersImagesPerSecond: speed(1),
    ratio: round(median(turns.map(([one, other]) => one / other))),
    sumMilliseconds: { oneNumber: round(1000 * small), allGradients: round(1000 * large) },
    forecast: forecast(median(turns.map(([one]) => one)), between),
  };
  for (const side of [alone, ...two]) side.close();
}
report("workers", options, { goal: { ratio: 0.95 }, results });

/** Speed-up over one worker of so many, each of which has a batch of its own of this time. */
function forecast(computeSeconds: number, between: Network): object {
  const { bytesPerSecond, latency } = between;
  const measured = `as measured: ${round(8e-9 * bytesPerSecond)} Gbit/s, ${round(1e6 * latency)} us`;
  const networks: Record<string, Network> = {
    [measured]: between,
    "1 Gbit/s, 1 ms": { bytesPerSecond: 0.117e9, latency: 1e-3 },
    "25 Gbit/s, 50 us": { bytesPerSecond: 2.9e9, latency: 50e-6 },
    "200 Gbit/s, 5 us": { bytesPerSecond: 23e9, latency: 5e-6 },
  };
  const job = { computeSeconds, buckets: bucketsOf(parameters), batchNorms };
  return Object.fromEntries(
    Object.entries(networks).map(([name, network]) => [
      name,
      Object.fromEntries(
        [8, 16, 32, 64, 128, 256].map((count) => [
          count,
          round((count * computeSeconds) / stepSeconds(count, job, network)),
        ]),
      ),
    ]),
  );
}
