// Workers killed at random moments, and started again until the run is done: it ships the file of a run that nothing
// disturbed. DEEPOBF_WORKER_KILLS sets how often; none by default, since the other tests kill a few.
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { uniform } from "../../src/graph/random.ts";
import { writeData, writeTiny } from "../obfuscate/tiny.ts";
import { childrenOf } from "../processes.ts";
import { workshop } from "../workshop.ts";
import { areGone, metricsOf, modelOf, start } from "./running.ts";

const kills = Number(process.env.DEEPOBF_WORKER_KILLS ?? 0);
const path = workshop();

test.runIf(kills > 0).each([2, 4])(
  "%i workers survive",
  { timeout: 120_000 * (kills + 2) },
  async (workers) => {
    const model = writeTiny(path("model.onnx"));
    const data = writeData(path("data"), { train: 64, test: 64 });
    const obfuscate = (out: string) => [
      ...["obfuscate", model, "--data", data, "--depth", "3", "--out", out, "--accept-original"],
      ...["--epochs", "400", "--batch-size", "64", "--threads", "1", "--checkpoint-seconds", "0"],
      ...["--workers", String(workers)],
    ];
    const [calm, disturbed] = [path(`calm${workers}`), path(`disturbed${workers}`)];
    const undisturbed = await start(obfuscate(calm)).ended;
    expect(undisturbed.code, undisturbed.stderr).toBe(0);

    const running = start([...obfuscate(disturbed), "--restarts", String(kills)]);
    const random = uniform({ seed: workers, name: "kills" }, 2 * kills);
    const all = new Set<number>();
    for (let kill = 0; kill < kills && running.child.exitCode === null; kill++) {
      const before = metricsOf(disturbed)?.length ?? 0;
      await sleep(3000 * random[kill]!);
      // Some go while they start, the others when a step or more is done.
      while (
        kill % 5 > 0 &&
        (metricsOf(disturbed)?.length ?? 0) <= before &&
        running.child.exitCode === null
      ) {
        await sleep(20);
      }
      const present = childrenOf(running.child.pid!);
      for (const pid of present) all.add(pid);
      const chosen = present[Math.floor(random[kills + kill]! * present.length)];
      if (chosen !== undefined) process.kill(chosen, "SIGKILL");
      while (present.some((pid) => !areGone([pid])) && running.child.exitCode === null) {
        await sleep(20);
      }
    }
    const { code, stderr } = await running.ended;
    expect(code, stderr).toBe(0);
    expect(modelOf(disturbed)).toBe(modelOf(calm));
    expect(areGone([...all])).toBe(true);
  },
);
